//! Estimate of the memory that a JSON text takes once it is parsed, made before it is parsed.

use compact_str::CompactString;

use super::Value;

/// Bytes of memory that the document of a text takes at most, about: values are many times larger than the two bytes of text
/// that the smallest has. Counts the separators, those inside strings too.
pub(super) fn memory_estimate(text: &[u8]) -> usize {
    let count = |byte| memchr::memchr_iter(byte, text).count();
    let values = count(b',') + count(b'[') + count(b'{') + 1;
    let keys = count(b':');
    // Lists grow by doubling, so that up to half of a list is empty.
    let nodes = 2 * (values * size_of::<Value>() + keys * (size_of::<CompactString>() + INDEX));
    text.len() + nodes
}

/// Bytes of an object's index for a key.
const INDEX: usize = 16;

#[cfg(test)]
mod tests {
    use super::super::{Limits, Value};
    use super::*;

    /// Bytes that a value has allocated.
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
