//! Construction of JSON pointers (RFC 6901) and of patterns from keys.

/// The pointer to a member of the object at `parent`.
///
/// ```
/// assert_eq!(hookgate_sdk::pointer::member("/a", "b/c"), "/a/b~1c");
/// ```
#[must_use]
pub fn member(parent: &str, key: &str) -> String {
    let mut pointer = String::with_capacity(parent.len() + 1 + key.len());
    pointer.push_str(parent);
    pointer.push('/');
    for character in key.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
    pointer
}

/// The pointer to an element of the array at `parent`.
///
/// ```
/// assert_eq!(hookgate_sdk::pointer::element("/items", 3), "/items/3");
/// ```
#[must_use]
pub fn element(parent: &str, index: usize) -> String {
    [parent, "/", &index.to_string()].concat()
}

/// The pattern that matches the place of a pointer and no other place.
///
/// ```
/// assert_eq!(hookgate_sdk::pointer::to_pattern("/a/*"), "/a/~2");
/// ```
#[must_use]
pub fn to_pattern(pointer: &str) -> String {
    pointer.replace('*', "~2")
}

/// Splits a pointer into its parent and its last step as written; `None` for the whole document.
///
/// ```
/// assert_eq!(hookgate_sdk::pointer::split_last("/a/0"), Some(("/a", "0")));
/// ```
#[must_use]
pub fn split_last(pointer: &str) -> Option<(&str, &str)> {
    pointer.rsplit_once('/')
}

/// Decodes the key of a pointer's step.
///
/// ```
/// assert_eq!(hookgate_sdk::pointer::key("b~1c"), "b/c");
/// ```
#[must_use]
pub fn key(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}
