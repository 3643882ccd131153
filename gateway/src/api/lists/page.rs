//! Pages of lists and the cursors between them.

use schemars::JsonSchema;
use serde::Serialize;

use super::super::Api;
use super::super::page::bad_cursor;
use crate::feed::Cursor;
use crate::http::Problem;
use hookgate_domain::TenantId;
use hookgate_store::FeedPosition;

/// A page of a list, the newest first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}List")]
pub(in crate::api) struct List<T> {
    /// The items, the newest first whichever way they were read.
    pub data: Vec<T>,
    /// The page of what is older; null: there is nothing older.
    pub next_cursor: Option<String>,
    /// The page of what is newer, now or later; null: the list has no way back.
    pub previous_cursor: Option<String>,
    /// The page ended because a request looks at no more: there may be more that matches, and the cursor of the way goes on
    /// to it, even where `data` is empty.
    pub partial: bool,
    /// Number of places that were looked at.
    #[serde(skip)]
    pub looked_at: usize,
}

/// A place in a list: of an event or an entry of the log, and of its deliveries, where they are what is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) struct Key {
    pub position: FeedPosition,
    pub index: u32,
}

/// From where a page goes on and which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Way {
    /// From the newest to what is older.
    Newest,
    /// From a place, without it, to what is older.
    Older(Key),
    /// From a place, without it, to what is newer.
    Newer(Key),
}

/// A page in the making: it takes items in the order of the way.
pub(in crate::api) struct Pager<T> {
    way: Way,
    limit: usize,
    items: Vec<(Key, T)>,
    /// The place that was looked at first, and last.
    looked: Option<(Key, Key)>,
    looks: usize,
}

impl Key {
    pub fn at(position: FeedPosition) -> Self {
        Self { position, index: 0 }
    }

    /// The place from which what is older begins with this one.
    fn just_newer(self) -> Self {
        match self.index.checked_sub(1) {
            Some(index) => Self { index, ..self },
            None => Self {
                position: self.position.next(),
                index: u32::MAX,
            },
        }
    }

    /// The place from which what is newer begins with this one.
    fn just_older(self) -> Self {
        Self {
            index: self.index.saturating_add(1),
            ..self
        }
    }
}

impl Way {
    /// Reads the cursor of a list of a tenant.
    ///
    /// # Errors
    /// `invalid_cursor`.
    pub fn read(api: &Api, tenant: &TenantId, list: &str, cursor: Option<&str>) -> Result<Self, Problem> {
        let Some(text) = cursor else {
            return Ok(Self::Newest);
        };
        let read = |way: &str| {
            let name = format!("{list}.{way}");
            let cursor = Cursor::from_text(text, api.feed.cursor_key(), tenant, &name).ok()?;
            Some(Key {
                position: cursor.position,
                index: cursor.given,
            })
        };
        let older = read(OLDER).map(Self::Older);
        older
            .or_else(|| read(NEWER).map(Self::Newer))
            .ok_or_else(bad_cursor)
    }

    /// Tells whether a place lies on the way.
    pub fn covers(self, key: Key) -> bool {
        // A list has what is newer first, and of one event what has the lower index.
        match self {
            Self::Newest => true,
            Self::Older(from) => {
                key.position < from.position || key.position == from.position && key.index > from.index
            }
            Self::Newer(from) => {
                key.position > from.position || key.position == from.position && key.index < from.index
            }
        }
    }

    /// Tells whether it goes to what is newer.
    pub fn is_back(self) -> bool {
        matches!(self, Self::Newer(_))
    }
}

impl<T> Pager<T> {
    pub fn new(way: Way, limit: usize) -> Self {
        Self {
            way,
            limit,
            items: Vec::new(),
            looked: None,
            looks: 0,
        }
    }

    /// A place was looked at.
    pub fn looked_at(&mut self, key: Key) {
        let first = self.looked.map_or(key, |(first, _)| first);
        self.looked = Some((first, key));
        self.looks += 1;
    }

    /// Takes an item; whether there is room for more. One more than the limit is taken, which tells that there is more.
    pub fn take(&mut self, key: Key, item: T) -> bool {
        self.items.push((key, item));
        self.items.len() <= self.limit
    }

    /// The items without their places.
    pub fn into_items(self) -> Vec<T> {
        self.items.into_iter().map(|(_, item)| item).collect()
    }

    /// The page. `end`: how the search ended, where it did not find more than fits.
    pub fn finish(mut self, end: End, cursor: impl Fn(&'static str, Key) -> String) -> List<T> {
        let full = self.items.len() > self.limit;
        self.items.truncate(self.limit);
        let first = self.items.first().map(|(key, _)| *key);
        let last = self.items.last().map(|(key, _)| *key);
        // Where the way goes on, if there may be more.
        let on = if full {
            last
        } else {
            self.looked.map(|(_, last)| last)
        };
        let more = full || end == End::Budget;
        let (next, previous) = match self.way {
            Way::Newest => {
                let top = first.or(self.looked.map(|(first, _)| first));
                let begin = Key::at(FeedPosition::START);
                (on.filter(|_| more), Some(top.unwrap_or(begin)))
            }
            Way::Older(from) => (on.filter(|_| more), Some(first.unwrap_or(from.just_older()))),
            Way::Newer(from) => {
                let next = first.unwrap_or(from.just_newer());
                (Some(next), Some(on.unwrap_or(from)))
            }
        };
        let mut data: Vec<T> = self.items.into_iter().map(|(_, item)| item).collect();
        if self.way.is_back() {
            data.reverse();
        }
        List {
            data,
            next_cursor: next.map(|key| cursor(OLDER, key)),
            previous_cursor: previous.map(|key| cursor(NEWER, key)),
            partial: !full && end == End::Budget,
            looked_at: self.looks,
        }
    }
}

/// End of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum End {
    /// There is nothing more.
    All,
    /// It looked at as much as it may.
    Budget,
}

/// The text of cursors of a list of a tenant.
pub(in crate::api) fn writer<'a>(
    api: &'a Api,
    tenant: &'a TenantId,
    list: &'a str,
) -> impl Fn(&'static str, Key) -> String + 'a {
    move |way, key| {
        let cursor = Cursor {
            position: key.position,
            given: key.index,
        };
        cursor.to_text(api.feed.cursor_key(), tenant, &format!("{list}.{way}"))
    }
}

const OLDER: &str = "older";
const NEWER: &str = "newer";

#[cfg(test)]
mod tests {
    use super::*;

    fn key(major: u64, index: u32) -> Key {
        let position = FeedPosition { major, minor: 0 };
        Key { position, index }
    }

    /// Items of a page, the ways from it, and whether it is partial.
    type Shown = (Vec<(u64, u32)>, Option<Way>, Option<Way>, bool);

    /// A page of a list of ten places, two at each position, through the text of a cursor.
    fn page(way: Way, limit: usize, budget: usize) -> Shown {
        let mut places: Vec<Key> = (1..=5)
            .rev()
            .flat_map(|major| [key(major, 0), key(major, 1)])
            .collect();
        if way.is_back() {
            places.reverse();
        }
        let (mut pager, mut end) = (Pager::new(way, limit), End::All);
        for (looked, at) in places.into_iter().filter(|at| way.covers(*at)).enumerate() {
            if looked == budget {
                end = End::Budget;
                break;
            }
            pager.looked_at(at);
            if !pager.take(at, (at.position.major, at.index)) {
                break;
            }
        }
        let shown = |way: &'static str, key: Key| {
            format!(
                "{way} {} {} {}",
                key.position.major, key.position.minor, key.index
            )
        };
        let list = pager.finish(end, shown);
        let read = |text: String| {
            let parts: Vec<_> = text.split(' ').collect();
            let number = |at: usize| parts[at].parse::<u64>().unwrap();
            let position = FeedPosition {
                major: number(1),
                minor: number(2),
            };
            let key = Key {
                position,
                index: u32::try_from(number(3)).unwrap(),
            };
            if parts[0] == OLDER {
                Way::Older(key)
            } else {
                Way::Newer(key)
            }
        };
        (
            list.data,
            list.next_cursor.map(read),
            list.previous_cursor.map(read),
            list.partial,
        )
    }

    #[test]
    fn pages_meet_both_ways() {
        let (first, next, previous, _) = page(Way::Newest, 3, 99);
        assert_eq!(first, [(5, 0), (5, 1), (4, 0)]);
        let (newer, again, ..) = page(previous.unwrap(), 3, 99);
        assert_eq!(newer, []);
        assert_eq!(page(again.unwrap(), 3, 99).0, first);
        let (second, next, previous, _) = page(next.unwrap(), 3, 99);
        assert_eq!(second, [(4, 1), (3, 0), (3, 1)]);
        assert_eq!(page(previous.unwrap(), 3, 99).0, first);
        let (third, next, ..) = page(next.unwrap(), 3, 99);
        assert_eq!(third, [(2, 0), (2, 1), (1, 0)]);
        let (last, next, previous, partial) = page(next.unwrap(), 3, 99);
        assert_eq!((last, next, partial), (vec![(1, 1)], None, false));
        assert_eq!(page(previous.unwrap(), 3, 99).0, third);
        assert_eq!(page(Way::Newest, 10, 99).1, None, "all fit");
    }

    #[test]
    fn budget_ends_a_page_and_the_cursor_goes_on() {
        let (first, next, _, partial) = page(Way::Newest, 9, 4);
        assert_eq!((first.len(), partial), (4, true));
        let (second, ..) = page(next.unwrap(), 9, 4);
        assert_eq!(second, [(3, 0), (3, 1), (2, 0), (2, 1)]);
        let (none, next, previous, partial) = page(Way::Older(key(3, 1)), 9, 0);
        assert_eq!((none, next, partial), (vec![], None, true));
        assert_eq!(page(previous.unwrap(), 1, 9).0, [(3, 1)]);
    }
}
