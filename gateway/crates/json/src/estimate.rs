//! Estimates the memory of a parsed JSON document before its text is parsed.

use compact_str::CompactString;

use super::Value;

/// Estimates the maximum memory of a text's document, in bytes.
///
/// A value takes many times more memory than the two bytes of its shortest text. The estimate
/// counts separators, including those inside strings.
pub(super) fn memory_estimate(text: &[u8]) -> usize {
    let count = |byte| memchr::memchr_iter(byte, text).count();
    let values = count(b',') + count(b'[') + count(b'{') + 1;
    let keys = count(b':');
    // Vectors grow by doubling, so up to half of the capacity is unused.
    let nodes = 2 * (values * size_of::<Value>() + keys * (size_of::<CompactString>() + INDEX));
    text.len() + nodes
}

/// Bytes of an object's index per key.
const INDEX: usize = 16;

#[cfg(test)]
mod tests {
    use super::super::{Limits, Value};
    use super::*;

    /// Bytes allocated by a value.
    fn allocated(value: &Value) -> usize {
        let text = |text: &CompactString| {
            if text.is_heap_allocated() {
                text.capacity()
            } else {
                0
            }
        };
        match value {
            Value::Text(own) => text(own),
            Value::Array(values) => {
                values.capacity() * size_of::<Value>() + values.iter().map(allocated).sum::<usize>()
            }
            Value::Object(object) => {
                let long = |key: &str| {
                    if key.len() > size_of::<CompactString>() {
                        key.len()
                    } else {
                        0
                    }
                };
                let members = object.iter().map(|(key, value)| long(key) + allocated(value));
                object.len() * (size_of::<CompactString>() + size_of::<Value>()) + members.sum::<usize>()
            }
            _ => 0,
        }
    }

    #[test]
    fn memory_estimate_is_over_what_documents_take() {
        let list = |element: &str| format!("[{}]", vec![element; 5_000].join(","));
        let object = |n: usize| {
            let members: Vec<_> = (0..n).map(|n| format!("\"k{n}\":{n}")).collect();
            format!("{{{}}}", members.join(","))
        };
        for text in [
            "1".to_owned(),
            list("1"),
            list("\"\""),
            list("[]"),
            list("{}"),
            list("[1,{\"a\":2}]"),
            list(&format!("\"{}\"", "x".repeat(30))),
            object(10),
            object(5_000),
            format!("\"{}\"", "x".repeat(100_000)),
        ] {
            let document =
                super::super::Document::parse(text.as_bytes(), Limits::of_bytes(text.len())).unwrap();
            let (taken, estimate) = (allocated(document.root()), memory_estimate(text.as_bytes()));
            assert!(
                taken <= estimate,
                "{}…: {taken} > {estimate}",
                &text[..text.len().min(20)]
            );
            assert!(
                estimate <= 3 * taken.max(text.len()) + 1_000,
                "{}…: {estimate} for {taken}",
                &text[..text.len().min(20)]
            );
        }
    }
}
