//! Trace context of an event: W3C Trace Context, Level 2 (`traceparent` and `tracestate`). Pure.
//!
//! An invalid `traceparent` counts as absent, so that the trace is restarted (§3.2.2.4 and §4.3 of
//! the recommendation); an invalid `tracestate` is discarded alone (§3.3.1.4).

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};

use compact_str::CompactString;

/// Position in a distributed trace. Its text form is a `traceparent` of version 00.
#[derive(Clone, PartialEq, Eq)]
pub struct TraceContext {
    /// Id of the trace.
    pub trace_id: TraceId,
    /// Id of the span that is the parent of what follows.
    pub span_id: SpanId,
    /// Flags: [`Self::SAMPLED`] and [`Self::RANDOM`].
    flags: u8,
    /// List of the tracing systems' own entries, at most [`Self::MAX_STATE`] bytes; empty: none.
    state: CompactString,
}

/// Id of a trace: 16 bytes, not all zero. Its text form is 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(pub NonZeroU128);

/// Id of a span: 8 bytes, not all zero. Its text form is 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(pub NonZeroU64);

impl TraceContext {
    /// Name of the header with the ids and flags.
    pub const PARENT_HEADER: &str = "traceparent";
    /// Name of the header with the tracing systems' own entries.
    pub const STATE_HEADER: &str = "tracestate";
    /// Flag: the caller may have recorded the trace.
    pub const SAMPLED: u8 = 0x01;
    /// Flag: the last seven bytes of the trace's id are random.
    pub const RANDOM: u8 = 0x02;
    /// Maximum bytes of the tracing systems' own entries.
    pub const MAX_STATE: usize = 512;

    /// Creates a context. Unknown flags are cleared; an invalid or too large `state` is discarded.
    pub fn new(trace_id: TraceId, span_id: SpanId, flags: u8, state: &str) -> Self {
        let valid = state.len() <= Self::MAX_STATE && read_state(state).is_some();
        Self {
            trace_id,
            span_id,
            flags: flags & (Self::SAMPLED | Self::RANDOM),
            state: if valid {
                state.into()
            } else {
                CompactString::default()
            },
        }
    }

    /// Reads the values of the headers `traceparent` and `tracestate` of a request.
    ///
    /// `None`: there is no `traceparent`, more than one, or an invalid one.
    pub fn of_headers<'h>(
        mut parents: impl Iterator<Item = &'h [u8]>,
        states: impl Iterator<Item = &'h [u8]>,
    ) -> Option<Self> {
        let parent = parents.next().filter(|_| parents.next().is_none())?;
        let (trace_id, span_id, flags) = read_parent(std::str::from_utf8(parent).ok()?.trim())?;
        Some(Self {
            state: joined(states).unwrap_or_default(),
            ..Self::new(trace_id, span_id, flags, "")
        })
    }

    /// Value of the header `traceparent`: 55 bytes.
    pub fn parent(&self) -> String {
        format!("00-{}-{}-{:02x}", self.trace_id, self.span_id, self.flags)
    }

    /// Value of the header `tracestate`, if there is one.
    pub fn state(&self) -> Option<&str> {
        Some(self.state.as_str()).filter(|state| !state.is_empty())
    }

    /// The flags.
    pub fn flags(&self) -> u8 {
        self.flags
    }

    /// Returns `true` if the caller may have recorded the trace.
    pub fn is_sampled(&self) -> bool {
        self.flags & Self::SAMPLED != 0
    }

    /// Context of what a recorded span causes: the same trace, with this span as the parent.
    #[must_use]
    pub fn below(&self, span_id: SpanId) -> Self {
        Self {
            span_id,
            flags: self.flags | Self::SAMPLED,
            ..self.clone()
        }
    }

    /// Approximate memory size in bytes.
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.state.len()
    }
}

/// Reads a `traceparent` (§3.2.2): two digits of the version, then the fields of version 00. A later
/// version may have further fields.
fn read_parent(text: &str) -> Option<(TraceId, SpanId, u8)> {
    let known = text.get(..LENGTH)?;
    let mut parts = known.split('-');
    let (version, trace_id, span_id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let lengths = [version.len(), trace_id.len(), span_id.len(), flags.len()];
    let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b) || b == b'-';
    let further = &text[LENGTH..];
    let fits = match version {
        "ff" => false,
        "00" => further.is_empty(),
        _ => further.is_empty() || further.starts_with('-'),
    };
    if !fits || lengths != [2, 32, 16, 2] || !known.bytes().all(lower_hex) {
        return None;
    }
    let trace_id = NonZeroU128::new(u128::from_str_radix(trace_id, 16).ok()?)?;
    let span_id = NonZeroU64::new(u64::from_str_radix(span_id, 16).ok()?)?;
    let flags = u8::from_str_radix(flags, 16).ok()?;
    Some((TraceId(trace_id), SpanId(span_id), flags))
}

/// Joins the values of `tracestate` headers into one list within [`TraceContext::MAX_STATE`].
///
/// Where the list is longer, entries over 128 bytes are removed first, then the last ones
/// (§3.3.1.5). `None`: the list is invalid.
fn joined<'h>(values: impl Iterator<Item = &'h [u8]>) -> Option<CompactString> {
    let mut list = String::new();
    for value in values {
        let value = std::str::from_utf8(value).ok()?;
        if list.len() + value.len() > MOST_READ {
            return None;
        }
        if !list.is_empty() {
            list.push(',');
        }
        list.push_str(value);
    }
    let mut entries = read_state(&list)?;
    let length = |entries: &[&str]| entries.iter().map(|entry| entry.len() + 1).sum::<usize>();
    while length(&entries) > TraceContext::MAX_STATE + 1 {
        let large = entries.iter().rposition(|entry| entry.len() > LARGE_ENTRY);
        entries.remove(large.unwrap_or(entries.len() - 1));
    }
    Some(entries.join(",").into())
}

/// Entries of a `tracestate` (§3.3.1), without empty ones; `None`: it is invalid.
fn read_state(list: &str) -> Option<Vec<&str>> {
    let entries = list.split(',').map(|entry| entry.trim_matches([' ', '\t']));
    let entries: Vec<_> = entries
        .filter(|entry| !entry.is_empty())
        .take(MOST_ENTRIES + 1)
        .collect();
    let keys: Option<Vec<_>> = entries.iter().map(|entry| key_of(entry)).collect();
    let keys = keys?;
    let repeated = keys.iter().enumerate().any(|(n, key)| keys[..n].contains(key));
    (entries.len() <= MOST_ENTRIES && !repeated).then_some(entries)
}

/// Key of an entry `key=value`; `None`: it is no entry.
fn key_of(entry: &str) -> Option<&str> {
    let (key, value) = entry.split_once('=')?;
    let first = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let further = |b: &u8| first(b) || b"_-*/@".contains(b);
    let valid_key = key.as_bytes().first().is_some_and(first)
        && key.as_bytes().iter().all(further)
        && key.len() <= LONGEST;
    let printable = |b: u8| (b' '..=b'~').contains(&b) && b != b'=';
    let valid_value = (1..=LONGEST).contains(&value.len()) && value.bytes().all(printable);
    (valid_key && valid_value).then_some(key)
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Omits the entries of `tracestate`: they are the caller's.
impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parent())
    }
}

/// Bytes of a `traceparent` of version 00.
const LENGTH: usize = 55;
/// Maximum number of entries of a `tracestate`.
const MOST_ENTRIES: usize = 32;
/// Maximum bytes of an entry's key, and of its value.
const LONGEST: usize = 256;
/// Entries over this many bytes are removed first.
const LARGE_ENTRY: usize = 128;
/// Maximum bytes of `tracestate` headers that are read: 32 entries of 513 bytes and their commas.
const MOST_READ: usize = 32 * 514;

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    fn read(parents: &[&str], states: &[&str]) -> Option<TraceContext> {
        let bytes = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| text.as_bytes().to_vec())
                .collect::<Vec<_>>()
        };
        let (parents, states) = (bytes(parents), bytes(states));
        TraceContext::of_headers(
            parents.iter().map(Vec::as_slice),
            states.iter().map(Vec::as_slice),
        )
    }

    #[test]
    fn traceparent_is_read_as_the_recommendation_says() {
        for (parent, expected) in [
            (
                format!("00-{TRACE}-{SPAN}-01"),
                Some(format!("00-{TRACE}-{SPAN}-01")),
            ),
            (
                format!("00-{TRACE}-{SPAN}-00"),
                Some(format!("00-{TRACE}-{SPAN}-00")),
            ),
            // Unknown flags are cleared.
            (
                format!("00-{TRACE}-{SPAN}-ff"),
                Some(format!("00-{TRACE}-{SPAN}-03")),
            ),
            // A later version is read as far as version 00 goes.
            (
                format!("cc-{TRACE}-{SPAN}-01"),
                Some(format!("00-{TRACE}-{SPAN}-01")),
            ),
            (
                format!("cc-{TRACE}-{SPAN}-01-what"),
                Some(format!("00-{TRACE}-{SPAN}-01")),
            ),
            (format!("cc-{TRACE}-{SPAN}-01.what"), None),
            (format!("ff-{TRACE}-{SPAN}-01"), None),
            (format!("00-{TRACE}-{SPAN}-01-"), None),
            (format!("00-{TRACE}-{SPAN}-1"), None),
            (format!("00-{}-{SPAN}-01", "0".repeat(32)), None),
            (format!("00-{TRACE}-{}-01", "0".repeat(16)), None),
            (format!("00-{}-{SPAN}-01", TRACE.to_uppercase()), None),
            (format!("00-{TRACE}{SPAN}--01"), None),
            (format!("00_{TRACE}_{SPAN}_01"), None),
            (format!("00-{}+-{SPAN}-01", &TRACE[..31]), None),
            (format!("00-{}é-{SPAN}-01", &TRACE[..30]), None),
            (String::new(), None),
        ] {
            assert_eq!(
                read(&[&parent], &[]).map(|read| read.parent()),
                expected,
                "{parent}"
            );
        }
        let valid = format!("00-{TRACE}-{SPAN}-01");
        assert_eq!(read(&[], &["a=b"]), None);
        assert_eq!(read(&[&valid, &valid], &[]), None, "two headers");
    }

    #[test]
    fn tracestate_is_kept_or_discarded_as_a_whole() {
        let parent = format!("00-{TRACE}-{SPAN}-01");
        let state = |states: &[&str]| {
            let read = read(&[&parent], states).expect("the parent is valid");
            read.state().map(str::to_owned)
        };
        for (states, expected) in [
            (&[][..], None),
            (&["a=1"], Some("a=1")),
            (&["a=1, b@c=2 ,", "", " d/*-_=x y"], Some("a=1,b@c=2,d/*-_=x y")),
            (&["a=1,a=2"], None),
            (&["A=1"], None),
            (&["a"], None),
            (&["a="], None),
            (&["=1"], None),
            (&["a=1=2"], None),
            (&["a=\u{e9}"], None),
        ] {
            assert_eq!(state(states).as_deref(), expected, "{states:?}");
        }
        let many = |count: usize| {
            (0..count)
                .map(|n| format!("k{n}=v"))
                .collect::<Vec<_>>()
                .join(",")
        };
        assert_eq!(state(&[&many(32)]), Some(many(32)));
        assert_eq!(state(&[&many(33)]), None);
        assert_eq!(state(&[&format!("a={}", "v".repeat(257))]), None);
    }

    #[test]
    fn tracestate_is_shortened_to_its_bound() {
        let parent = format!("00-{TRACE}-{SPAN}-01");
        let entry = |key: &str, length: usize| format!("{key}={}", "v".repeat(length));
        let list = [
            entry("a", 100),
            entry("b", 200),
            entry("c", 100),
            entry("d", 100),
            entry("e", 100),
        ];
        let read = read(&[&parent], &[&list.join(",")]).expect("valid");
        let expected = [&list[0], &list[2], &list[3], &list[4]]
            .map(String::as_str)
            .join(",");
        assert_eq!(
            read.state(),
            Some(expected.as_str()),
            "the large entry goes first"
        );

        let list: Vec<_> = ["a", "b", "c", "d", "e", "f"].map(|key| entry(key, 100)).into();
        let read = self::read(&[&parent], &[&list.join(",")]).expect("valid");
        assert_eq!(
            read.state(),
            Some(list[..4].join(",").as_str()),
            "then the last ones"
        );
        assert!(
            read.state()
                .is_some_and(|state| state.len() <= TraceContext::MAX_STATE)
        );
    }
}
