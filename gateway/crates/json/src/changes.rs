//! Report of the places that operations changed.
//!
//! It is stored with the event and shown as long as the event is.
//!
//! A path contains the steps that a plugin spelled in its pointers and patterns, and `*` for all
//! others: keys that a redaction removed are confidential too. Once a plugin has read keys of the
//! document it could spell any of them, so from then on every step is `*`. The report is bounded in
//! entries and bytes; [`Changes::CUT`] marks a truncated one.

use std::borrow::Cow;

/// Set of changed places, in the order of their first change.
#[derive(Debug, Clone, Default)]
pub(super) struct Changes {
    places: Vec<String>,
    bytes: usize,
    /// Set when places were left out.
    cut: bool,
    withheld: bool,
}

impl Changes {
    /// Maximum number of places.
    pub(super) const MAX: usize = 64;
    /// Maximum bytes of one place; a longer one ends with a step [`Changes::CUT`].
    pub(super) const MAX_PLACE_BYTES: usize = 256;
    /// Maximum bytes of all places together.
    pub(super) const MAX_BYTES: usize = 4 << 10;
    /// Marker for omitted steps or places.
    pub(super) const CUT: &str = "…";

    /// Writes `*` for every further step, until [`Changes::take`].
    pub(super) fn withhold_keys(&mut self) {
        self.withheld = true;
    }

    /// Records a place by its pointer.
    ///
    /// The pointer is as a plugin spelled it, with `*` for the steps that it did not spell.
    pub(super) fn note(&mut self, pointer: &str) {
        let place = if self.withheld {
            Cow::Owned("/*".repeat(steps(pointer)))
        } else {
            Cow::Borrowed(pointer)
        };
        let place = shortened(place);
        if self.places.iter().any(|known| *known == place) {
            return;
        }
        if self.places.len() >= Self::MAX || self.bytes + place.len() > Self::MAX_BYTES {
            self.cut = true;
            return;
        }
        self.bytes += place.len();
        self.places.push(place.into_owned());
    }

    /// Returns the current state, for [`Changes::forget_since`].
    pub(super) fn mark(&self) -> Mark {
        Mark {
            places: self.places.len(),
            cut: self.cut,
        }
    }

    /// Discards the places recorded since a mark.
    pub(super) fn forget_since(&mut self, mark: Mark) {
        for place in self.places.drain(mark.places..) {
            self.bytes -= place.len();
        }
        self.cut = mark.cut;
    }

    /// Returns all recorded places and resets the report.
    pub(super) fn take(&mut self) -> Vec<String> {
        let Self { mut places, cut, .. } = std::mem::take(self);
        if cut {
            places.push(Self::CUT.to_owned());
        }
        places
    }
}

/// State of the report to which [`Changes::forget_since`] returns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    places: usize,
    cut: bool,
}

fn steps(pointer: &str) -> usize {
    memchr::memchr_iter(b'/', pointer.as_bytes()).count()
}

/// Truncates a place to as many leading steps as fit.
fn shortened(place: Cow<'_, str>) -> Cow<'_, str> {
    if place.len() <= Changes::MAX_PLACE_BYTES {
        return place;
    }
    let room = Changes::MAX_PLACE_BYTES - "/".len() - Changes::CUT.len();
    // `/` is a single byte in UTF-8, so the cut is on a character boundary.
    let fits = memchr::memrchr(b'/', &place.as_bytes()[..=room]).unwrap_or(0);
    Cow::Owned(format!("{}/{}", &place[..fits], Changes::CUT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(places: &[&str]) -> Vec<String> {
        let mut changes = Changes::default();
        places.iter().for_each(|place| changes.note(place));
        changes.take()
    }

    #[test]
    fn changes_are_noted_once_and_within_their_bounds() {
        assert_eq!(noted(&["/a", "/*/b", "/a"]), ["/a", "/*/b"]);
        let many: Vec<String> = (0..100).map(|n| format!("/{n}")).collect();
        let many = noted(&many.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!((many.len(), many[64].as_str()), (65, "…"));
        let long: Vec<String> = (0..100).map(|n| format!("/{n}/{}", "x".repeat(200))).collect();
        let long = noted(&long.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(long.last().unwrap(), "…");
        let bytes: usize = long.iter().map(String::len).sum();
        assert!((3_900..=4_096 + 3).contains(&bytes), "{bytes}");
    }

    #[test]
    fn a_long_place_is_cut_between_its_steps() {
        for (place, expected) in [
            (
                format!("/a/{}", "x".repeat(253)),
                format!("/a/{}", "x".repeat(253)),
            ),
            (format!("/a/{}", "x".repeat(254)), "/a/…".to_owned()),
            (format!("/{}", "é".repeat(200)), "/…".to_owned()),
            ("/*".repeat(150), format!("{}/…", "/*".repeat(126))),
        ] {
            let noted = noted(&[&place]);
            assert_eq!(noted, [expected]);
            assert!(noted[0].len() <= Changes::MAX_PLACE_BYTES);
        }
    }

    #[test]
    fn after_keys_are_withheld_only_the_depth_is_noted() {
        let mut changes = Changes::default();
        changes.note("/a");
        changes.withhold_keys();
        ["/anna@example.com/x", "/b/0", "/c", ""]
            .iter()
            .for_each(|place| changes.note(place));
        assert_eq!(changes.take(), ["/a", "/*/*", "/*", ""]);
        changes.note("/d");
        assert_eq!(changes.take(), ["/d"]);
    }

    #[test]
    fn what_was_noted_since_a_mark_is_forgotten() {
        let mut changes = Changes::default();
        changes.note("/a");
        let mark = changes.mark();
        (0..100).for_each(|n| changes.note(&format!("/{n}")));
        changes.forget_since(mark);
        changes.note("/b");
        assert_eq!(changes.take(), ["/a", "/b"]);
    }
}
