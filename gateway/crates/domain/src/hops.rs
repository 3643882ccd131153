//! Hop count of an event through gateways, for loop detection.
//!
//! A delivery carries the number of gateways that its event passed, in a dedicated header and in
//! the form of RFC 8586. Neither names hookgate, since receivers see them. Both are also read under
//! their former names. A request that brings an event passes its number on to the event; a receiver
//! that forwards a delivery with its headers passes the number on too. At [`Hops::MAX`] a request
//! is refused. Pure.

/// Number of gateways that an event passed before this one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hops(u8);

/// Error: the header [`Hops::HEADER`] does not hold a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is a whole number", Hops::HEADER)]
pub struct BadHops;

impl Hops {
    /// Name of the header with the number.
    pub const HEADER: &str = "webhook-hops";
    /// Former name of the header.
    pub const OLD_HEADER: &str = "hookgate-hops";
    /// Name of the header of RFC 8586, which also carries the number.
    pub const CDN_LOOP: &str = "cdn-loop";
    /// Number of hops at which a request is refused.
    pub const MAX: Self = Self(3);

    /// Creates a number of hops, capped at [`Self::MAX`].
    pub fn new(hops: u8) -> Self {
        Self(hops).min(Self::MAX)
    }

    /// Number of hops.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Number of hops after one further gateway.
    #[must_use]
    pub fn next(self) -> Self {
        Self::new(self.0.saturating_add(1))
    }

    /// Number in a request: the largest of its headers.
    ///
    /// # Errors
    /// `BadHops`.
    pub fn of<'h>(
        own: impl Iterator<Item = &'h [u8]>,
        cdn_loop: impl Iterator<Item = &'h [u8]>,
    ) -> Result<Self, BadHops> {
        let mut most = Self::default();
        for value in own {
            let text = std::str::from_utf8(value).map_err(|_| BadHops)?.trim();
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            if !digits {
                return Err(BadHops);
            }
            // A number that overflows is above the maximum.
            most = most.max(Self::new(text.parse().unwrap_or(u8::MAX)));
        }
        let mut entries = 0_u8;
        for value in cdn_loop {
            for entry in String::from_utf8_lossy(value).split(',') {
                let mut parts = entry.split(';').map(str::trim);
                if !parts.next().is_some_and(|id| CDN_IDS.contains(&id)) {
                    continue;
                }
                entries = entries.saturating_add(1);
                let told = parts.find_map(|part| part.strip_prefix("hops=")?.parse().ok());
                most = most.max(Self::new(told.unwrap_or_default()));
            }
        }
        Ok(most.max(Self::new(entries)))
    }

    /// Values of [`Self::HEADER`] and [`Self::CDN_LOOP`] for a request with this number.
    pub fn values(self) -> (&'static str, &'static str) {
        match self.0 {
            0 => ("0", "webhook-hops; hops=0"),
            1 => ("1", "webhook-hops; hops=1"),
            2 => ("2", "webhook-hops; hops=2"),
            _ => ("3", "webhook-hops; hops=3"),
        }
    }
}

/// Identifiers of gateways in `CDN-Loop`: the current one and the former one.
const CDN_IDS: [&str; 2] = ["webhook-hops", "hookgate"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_are_read_of_both_headers() {
        let of = |own: &[&'static str], cdn_loop: &[&'static str]| {
            let bytes = |texts: &[&'static str]| texts.iter().map(|text| text.as_bytes()).collect::<Vec<_>>();
            Hops::of(bytes(own).into_iter(), bytes(cdn_loop).into_iter()).map(Hops::get)
        };
        for (own, cdn_loop, expected) in [
            (&[][..], &[][..], Ok(0)),
            (&["1"], &[], Ok(1)),
            (&[" 2 ", "1"], &[], Ok(2)),
            (&["3"], &[], Ok(3)),
            (&["99999"], &[], Ok(3)),
            (&[""], &[], Err(BadHops)),
            (&["-1"], &[], Err(BadHops)),
            (&["one"], &[], Err(BadHops)),
            (&[], &["hookgate; hops=2"], Ok(2)),
            (&["1"], &["a.example, hookgate ;hops=2, b"], Ok(2)),
            (&[], &["hookgate, other", "webhook-hops"], Ok(2)),
            (&[], &["webhook-hops; hops=2"], Ok(2)),
            (&[], &["hookgate;hops=soon"], Ok(1)),
            (&[], &["hookgates, x-hookgate"], Ok(0)),
        ] {
            assert_eq!(of(own, cdn_loop), expected, "{own:?} {cdn_loop:?}");
        }
    }

    #[test]
    fn hops_that_are_sent_are_read_again() {
        let mut hops = Hops::default();
        for expected in [1, 2, 3, 3] {
            hops = hops.next();
            let (own, cdn_loop) = hops.values();
            assert_eq!(hops.get(), expected);
            for (own, cdn_loop) in [(Some(own), None), (None, Some(cdn_loop))] {
                let read = Hops::of(
                    own.iter().map(|text| text.as_bytes()),
                    cdn_loop.iter().map(|text: &&str| text.as_bytes()),
                );
                assert_eq!(read, Ok(hops));
            }
        }
    }
}
