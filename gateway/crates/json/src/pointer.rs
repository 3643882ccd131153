//! JSON pointers (RFC 6901): one place in a document.

use std::borrow::Cow;

use super::Value;

/// JSON pointer with valid escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pointer<'a>(&'a str);

/// Error: the text is not a JSON pointer.
///
/// It is neither empty nor a sequence of steps that each begin with `/`, or a `~` is followed by
/// something other than `0` and `1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON pointer (RFC 6901)")]
pub struct BadPointer;

impl<'a> Pointer<'a> {
    /// Parses a text as a JSON pointer.
    pub fn parse(text: &'a str) -> Result<Self, BadPointer> {
        let whole = text.is_empty() || text.starts_with('/');
        let escape = |&at: &usize| matches!(text.as_bytes().get(at + 1), Some(b'0' | b'1'));
        let escaped = memchr::memchr_iter(b'~', text.as_bytes()).all(|at| escape(&at));
        (whole && escaped).then_some(Self(text)).ok_or(BadPointer)
    }

    /// Text of the pointer.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// Keys and indices of the pointer, unescaped.
    pub fn steps(self) -> impl Iterator<Item = Cow<'a, str>> {
        self.0.split('/').skip(1).map(unescape)
    }

    /// Number of steps.
    pub(super) fn len(self) -> usize {
        memchr::memchr_iter(b'/', self.0.as_bytes()).count()
    }

    /// Splits off the last step; `None` for the empty pointer.
    pub(super) fn split_last(self) -> Option<(Self, Cow<'a, str>)> {
        let (parent, last) = self.0.rsplit_once('/')?;
        Some((Self(parent), unescape(last)))
    }

    /// Returns `true` if the other place is this one or inside it.
    pub(super) fn contains(self, other: Pointer<'_>) -> bool {
        other
            .0
            .strip_prefix(self.0)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl Value {
    /// Value at a pointer.
    pub fn at(&self, pointer: Pointer<'_>) -> Option<&Value> {
        let mut value = self;
        for step in pointer.steps() {
            value = match value {
                Self::Object(object) => object.get(&step)?,
                Self::Array(elements) => elements.get(index(&step)?)?,
                _ => return None,
            };
        }
        Some(value)
    }

    /// Mutable value at a pointer.
    pub(super) fn at_mut(&mut self, pointer: Pointer<'_>) -> Option<&mut Value> {
        let mut value = self;
        for step in pointer.steps() {
            value = match value {
                Self::Object(object) => object.get_mut(&step)?,
                Self::Array(elements) => elements.get_mut(index(&step)?)?,
                _ => return None,
            };
        }
        Some(value)
    }
}

/// Parses an array index: digits without a leading zero (RFC 6901, section 4).
pub(super) fn index(step: &str) -> Option<usize> {
    let digits = step.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = step.len() > 1 && step.starts_with('0');
    if digits && !leading_zero {
        step.parse().ok()
    } else {
        None
    }
}

/// Appends an escaped step to a pointer's text.
pub(super) fn push_escaped(pointer: &mut String, step: &str) {
    pointer.push('/');
    if memchr::memchr2(b'~', b'/', step.as_bytes()).is_none() {
        pointer.push_str(step);
        return;
    }
    for character in step.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}

/// Appends an array index to a pointer's text.
pub(super) fn push_index(pointer: &mut String, index: usize) {
    pointer.push('/');
    pointer.push_str(itoa::Buffer::new().format(index));
}

fn unescape(step: &str) -> Cow<'_, str> {
    if step.contains('~') {
        // The order is that of the RFC, so that `~01` becomes `~1`.
        step.replace("~1", "/").replace("~0", "~").into()
    } else {
        step.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammar() {
        for (text, steps) in [
            ("", &[] as &[&str]),
            ("/", &[""]),
            ("/a//b", &["a", "", "b"]),
            ("/a~1b/~01/*", &["a/b", "~1", "*"]),
        ] {
            let pointer = Pointer::parse(text).unwrap();
            assert_eq!(pointer.steps().collect::<Vec<_>>(), steps, "{text}");
            assert_eq!(pointer.len(), steps.len());
            let mut again = String::new();
            for step in steps {
                push_escaped(&mut again, step);
            }
            assert_eq!(again, text);
        }
        for text in ["a", "~0", "/~", "/~2", "/a~", "/~a", " /a"] {
            assert_eq!(Pointer::parse(text), Err(BadPointer), "{text}");
        }
    }

    #[test]
    fn indices_have_no_leading_zeros_and_no_signs() {
        for (step, expected) in [("0", Some(0)), ("10", Some(10)), ("18446744073709551616", None)] {
            assert_eq!(index(step), expected);
        }
        for step in ["", "00", "01", "-", "-1", "+1", "1e0", " 1", "a"] {
            assert_eq!(index(step), None, "{step}");
        }
    }

    #[test]
    fn inside() {
        for (outer, inner, expected) in [
            ("/a", "/a/b", true),
            ("/a", "/a", true),
            ("/a", "/ab", false),
            ("", "/a", true),
            ("/a/b", "/a", false),
        ] {
            let (outer, inner) = (Pointer::parse(outer).unwrap(), Pointer::parse(inner).unwrap());
            assert_eq!(outer.contains(inner), expected);
        }
    }
}
