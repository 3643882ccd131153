//! Pages of lists of all tenants: the tenants' parts, merged by time, and the cursors between the pages.

use std::cmp::Reverse;
use std::time::Duration;

use super::super::List;
use super::OfTenant;
use crate::api::Api;
use crate::api::page::bad_cursor;
use crate::feed::Cursor;
use crate::http::Problem;
use hookgate_domain::{TenantId, Timestamp};
use hookgate_store::FeedPosition;

/// List of all tenants.
pub(super) struct Kind {
    /// Name that its cursors belong to.
    pub name: &'static str,
    /// Longest time by which the order of a tenant's part differs from that of the items' times.
    pub slack: Duration,
    /// Set when it can be read towards what is newer.
    pub both_ways: bool,
}

/// A tenant's part of a page, in the order of the way.
pub(super) struct Part<T> {
    pub tenant: TenantId,
    pub items: Vec<(Timestamp, T)>,
    /// Nothing is known of what lies farther along the way than this.
    pub known_to: Option<Timestamp>,
}

/// Page that is asked for. A cursor holds the time of an item and how many of that time were given, counted from the side from
/// which its way comes.
pub(super) struct Page {
    kind: &'static Kind,
    limit: usize,
    from: Option<Cursor>,
    /// Set when the way leads to what is newer.
    pub back: bool,
    /// Start of the way to what is newer, if nothing was found.
    now: Timestamp,
}

impl Page {
    /// Reads a cursor.
    ///
    /// # Errors
    /// `invalid_cursor`.
    pub fn read(api: &Api, kind: &'static Kind, limit: usize, cursor: Option<&str>) -> Result<Self, Problem> {
        let nobody = TenantId::operator();
        let read = |text: &str| {
            let of = |list: &str| Cursor::from_text(text, api.feed.cursor_key(), &nobody, list).ok();
            let older = of(kind.name).map(|cursor| (cursor, false));
            older.or_else(|| of(&newer(kind.name)).map(|cursor| (cursor, true)))
        };
        let from = cursor.map(|text| read(text).ok_or_else(bad_cursor)).transpose()?;
        Ok(Self {
            kind,
            limit,
            from: from.map(|(from, _)| from),
            back: from.is_some_and(|(_, back)| back),
            now: api.clock.now().minus(UNTIL_COMMITTED),
        })
    }

    /// Time from which the way goes on.
    pub fn time(&self) -> Option<Timestamp> {
        self.from.map(|from| Timestamp::from_micros(from.position.major))
    }

    /// Number of items that a tenant's part needs to have, if it has them.
    pub fn of_each(&self) -> usize {
        self.limit.saturating_add(self.given()).saturating_add(1)
    }

    /// Items of the time of the cursor that were given already.
    pub fn given(&self) -> usize {
        self.from
            .map_or(0, |from| usize::try_from(from.given).unwrap_or(usize::MAX))
    }

    /// Merges the tenants' parts.
    pub fn merge<T>(&self, api: &Api, parts: Vec<Part<T>>) -> List<OfTenant<T>> {
        let Merged {
            items,
            next,
            previous,
            partial,
        } = self.merged(parts);
        let text = |list: &str, (at, given): (Timestamp, usize)| {
            let cursor = Cursor {
                position: FeedPosition {
                    major: at.as_micros(),
                    minor: 0,
                },
                given: u32::try_from(given).unwrap_or(u32::MAX),
            };
            cursor.to_text(api.feed.cursor_key(), &TenantId::operator(), list)
        };
        let of_tenant = |(tenant, item): (TenantId, T)| OfTenant {
            tenant: tenant.to_string(),
            item,
        };
        List {
            looked_at: items.len(),
            data: items.into_iter().map(of_tenant).collect(),
            next_cursor: next.map(|next| text(self.kind.name, next)),
            previous_cursor: (self.kind.both_ways).then(|| text(&newer(self.kind.name), previous)),
            partial,
        }
    }

    /// Merges the tenants' parts. Pure.
    fn merged<T>(&self, mut parts: Vec<Part<T>>) -> Merged<T> {
        let known = parts.iter().filter_map(|part| part.known_to);
        let known_to = if self.back { known.min() } else { known.max() };
        let known = |at: Timestamp| known_to.is_none_or(|to| if self.back { at <= to } else { at >= to });
        // By name where they are of one time: the tenants are in that order, and the sort is stable.
        if self.back {
            parts.reverse();
        }
        let mut items: Vec<(Timestamp, (TenantId, T))> = Vec::new();
        for Part {
            tenant, items: of, ..
        } in parts
        {
            let own = of.into_iter().filter(|(at, _)| known(*at));
            items.extend(own.map(|(at, item)| (at, (tenant.clone(), item))));
        }
        match self.back {
            true => items.sort_by_key(|(at, _)| *at),
            false => items.sort_by_key(|(at, _)| Reverse(*at)),
        }
        let from = self.time();
        let again = items.iter().take_while(|(at, _)| Some(*at) == from);
        let items = items.split_off(again.take(self.given()).count());
        let full = items.len() > self.limit;
        // Of the first item's time the page has all that follow it, unless it is full of them.
        let first = items.first().map(|(first, _)| {
            let beside = items.iter().take_while(|(at, _)| at == first).count();
            (*first, beside)
        });
        let shown = &items[..items.len().min(self.limit)];
        let given = |at: Timestamp| {
            let before = if Some(at) == from { self.given() } else { 0 };
            before + shown.iter().filter(|(of, _)| *of == at).count()
        };
        let last = shown.last().map(|(at, _)| *at);
        // Where all that was looked at is of one time, the next page begins behind it: it has to end.
        let stuck = |at: Timestamp| Some(at) == from && shown.is_empty();
        let least = Duration::from_micros(1);
        let on = |at: Timestamp| match (stuck(at), self.back) {
            (true, true) => (at.plus(least), 0),
            (true, false) => (at.minus(least), 0),
            (false, _) => (at, given(at)),
        };
        let (next, previous) = match self.back {
            false => {
                let next = last.filter(|_| full).or(known_to).map(on);
                let begin = || from.map_or((self.now, 0), |from| (from, 0));
                (next, first.unwrap_or_else(begin))
            }
            true => {
                let from = from.unwrap_or_default();
                let to = if full { last } else { known_to.or(last) };
                let older = first.unwrap_or((from.plus(least), 0));
                (Some(older), to.map_or((from, self.given()), on))
            }
        };
        let mut items: Vec<_> = items.into_iter().map(|(_, item)| item).collect();
        items.truncate(self.limit);
        if self.back {
            items.reverse();
        }
        Merged {
            items,
            next,
            previous,
            partial: !full && known_to.is_some(),
        }
    }
}

/// Merged page, the newest first, and the places from which the ways go on: a time, and how many of that time were given.
struct Merged<T> {
    items: Vec<(TenantId, T)>,
    next: Option<(Timestamp, usize)>,
    previous: (Timestamp, usize),
    partial: bool,
}

/// Longest time between an event's acceptance and its commit.
pub(super) const UNTIL_COMMITTED: Duration = Duration::from_secs(5);

/// Name that cursors to what is newer belong to.
fn newer(list: &str) -> String {
    format!("{list}.newer")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Items of three tenants: names with times, some of one time.
    const ITEMS: [(&str, &[(u64, &str)]); 3] = [
        ("a", &[(9, "a1"), (5, "a2"), (5, "a3"), (1, "a4")]),
        ("b", &[(7, "b1"), (5, "b2")]),
        ("c", &[(5, "c1"), (5, "c2"), (2, "c3")]),
    ];

    const TESTED: Kind = Kind {
        name: "test",
        slack: Duration::ZERO,
        both_ways: true,
    };

    type Place = (Timestamp, usize);

    fn page(from: Option<Place>, back: bool, limit: usize) -> Merged<&'static str> {
        let cursor = |(at, given): Place| Cursor {
            position: FeedPosition {
                major: at.as_micros(),
                minor: 0,
            },
            given: u32::try_from(given).unwrap(),
        };
        let page = Page {
            kind: &TESTED,
            limit,
            from: from.map(cursor),
            back,
            now: Timestamp::from_micros(8),
        };
        let part = |(tenant, items): (&str, &[(u64, &'static str)])| {
            let items = items
                .iter()
                .map(|(at, name)| (Timestamp::from_micros(*at), *name));
            let wanted =
                items.filter(|(at, _)| from.is_none_or(|(of, _)| if back { *at >= of } else { *at <= of }));
            let mut items: Vec<_> = wanted.collect();
            if back {
                items.reverse();
            }
            items.truncate(limit + from.map_or(0, |(_, given)| given) + 1);
            Part {
                tenant: tenant.parse().unwrap(),
                items,
                known_to: None,
            }
        };
        page.merged(ITEMS.map(part).into())
    }

    fn names(page: &Merged<&'static str>) -> Vec<&'static str> {
        page.items.iter().map(|(_, name)| *name).collect()
    }

    #[test]
    fn merged_pages_meet_both_ways() {
        let all = names(&page(None, false, 99));
        assert_eq!(all, ["a1", "b1", "a2", "a3", "b2", "c1", "c2", "c3", "a4"]);
        for limit in 1..6 {
            let (mut pages, mut from) = (Vec::new(), None);
            loop {
                let one = page(from, false, limit);
                from = one.next;
                pages.push(one);
                if from.is_none() {
                    break;
                }
            }
            let joined: Vec<_> = pages.iter().flat_map(names).collect();
            assert_eq!(joined, all, "{limit}");
            for at in (1..pages.len()).rev() {
                let newer = page(Some(pages[at].previous), true, limit);
                assert_eq!(names(&newer), names(&pages[at - 1]), "{limit} {at}");
                assert_eq!(
                    names(&page(newer.next, false, limit)),
                    names(&pages[at]),
                    "{limit} {at}"
                );
                let newest = names(&page(Some(newer.previous), true, limit));
                let expected = at.checked_sub(2).map(|at| names(&pages[at])).unwrap_or_default();
                assert_eq!(newest, expected, "{limit} {at}");
            }
        }
    }
}
