//! Pagination of lists: `?limit=&cursor=` in, `{"data": […], "next_cursor": …}` out.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::http::{Code, Problem};

/// Pagination parameters.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PageQuery {
    /// Maximum number of items: 1 to 500, default 50.
    #[schemars(range(min = 1, max = 500))]
    pub limit: Option<usize>,
    /// The `next_cursor` of the previous page.
    pub cursor: Option<String>,
}

/// Page of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub(super) struct Page<T> {
    /// Items of the page.
    pub data: Vec<T>,
    /// Cursor of the next page; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// Checks a limit against its bounds, 1 to 500; 50 if none is given.
///
/// # Errors
/// `invalid_parameter`.
pub(super) fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    match asked.unwrap_or(50) {
        limit @ 1..=500 => Ok(limit),
        limit => Err(Problem::new(
            Code::InvalidParameter,
            format!("`limit` is 1 to 500, not {limit}."),
        )),
    }
}

/// Problem for an invalid cursor.
pub(super) fn bad_cursor() -> Problem {
    Problem::new(
        Code::InvalidCursor,
        "The cursor was not given out by this gateway for this list of this tenant.",
    )
}

/// Returns a page of a short list in memory, ordered by a key that never changes for an item.
///
/// # Errors
/// `invalid_parameter`, `invalid_cursor`.
pub(super) fn of<T>(
    items: impl Iterator<Item = T>,
    key: impl Fn(&T) -> String,
    query: &PageQuery,
) -> Result<Page<T>, Problem> {
    let limit = limit(query.limit)?;
    let after = query.cursor.as_deref().map(key_of).transpose()?;
    let mut data: Vec<T> = items
        .filter(|item| after.as_ref().is_none_or(|after| key(item) > *after))
        .take(limit + 1)
        .collect();
    let more = data.len() > limit;
    data.truncate(limit);
    let next_cursor = data
        .last()
        .filter(|_| more)
        .map(|last| URL_SAFE_NO_PAD.encode(format!("{MARK}{}", key(last))));
    Ok(Page { data, next_cursor })
}

/// Key that orders ids in a list with the newest first.
pub(super) fn newest_first(id: &str) -> String {
    // ULIDs are upper-case letters and digits: their complements sort the other way round.
    id.bytes().map(|byte| char::from(b'z' - byte.min(b'z'))).collect()
}

fn key_of(cursor: &str) -> Result<String, Problem> {
    let text = URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    text.and_then(|text| text.strip_prefix(MARK).map(str::to_owned))
        .ok_or_else(bad_cursor)
}

/// Prefix that marks the cursors of such lists.
const MARK: &str = "after:";

#[cfg(test)]
mod tests {
    use super::*;

    fn page(limit: usize, cursor: Option<String>) -> Page<u32> {
        of(
            10..15,
            ToString::to_string,
            &PageQuery {
                limit: Some(limit),
                cursor,
            },
        )
        .expect("a page")
    }

    #[test]
    fn pages_join() {
        let first = page(2, None);
        assert_eq!(first.data, [10, 11]);
        let second = page(2, first.next_cursor);
        assert_eq!(second.data, [12, 13]);
        let third = page(2, second.next_cursor);
        assert_eq!((third.data, third.next_cursor), (vec![14], None));
        assert!(page(5, None).next_cursor.is_none());
    }

    #[test]
    fn bounds_and_bad_cursors() {
        for limit in [0, 501] {
            let query = PageQuery {
                limit: Some(limit),
                cursor: None,
            };
            assert_eq!(
                of(0..1, ToString::to_string, &query).map_err(|p| p.code()).err(),
                Some(Code::InvalidParameter)
            );
        }
        for cursor in ["", "nonsense", "YWJj", "!"] {
            let query = PageQuery {
                limit: None,
                cursor: Some(cursor.to_owned()),
            };
            assert_eq!(
                of(0..1, ToString::to_string, &query).map_err(|p| p.code()).err(),
                Some(Code::InvalidCursor),
                "{cursor}"
            );
        }
    }
}
