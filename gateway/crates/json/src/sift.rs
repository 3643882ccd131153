//! Sieve: decides for each place of a document whether it remains, in one walk.
//!
//! Unlike the other removing operations it records no changed places: the removed keys can be as
//! confidential as the values.

use super::pair::{is_pair_value, pair_names};
use super::{Document, Value};

/// Policy that decides which places remain.
pub trait Sieve {
    /// State for a place whose content is examined.
    type Place;

    /// Decides about a member of an object.
    ///
    /// `named_out`: the member is the value of a pair whose name [`Sieve::names_out`] removes.
    fn member(&mut self, around: &Self::Place, key: &str, named_out: bool) -> Sifted<Self::Place>;

    /// Checks whether the values of a pair with this name are removed.
    ///
    /// A pair is, for example, `{"name":"email","value":"…"}`.
    fn names_out(&mut self, name: &str) -> bool;

    /// Decides about an element of an array.
    fn element(&mut self, around: &Self::Place, index: usize) -> Sifted<Self::Place>;
}

/// Decision about a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sifted<P> {
    /// The place remains unchanged.
    Stays,
    /// The place is removed with its content.
    Goes,
    /// The place remains; its content is examined.
    Inside(P),
    /// The content is examined; the place remains only if some of its content does.
    Way(P),
}

impl Document {
    /// Removes the places that the sieve does not retain.
    ///
    /// `root` is the decision about the whole document. If it is to be removed, an object or array
    /// becomes empty and any other value `null`.
    pub fn sift<S: Sieve>(&mut self, sieve: &mut S, root: Sifted<S::Place>) {
        if !place(&mut self.root, sieve, root) {
            match &mut self.root {
                Value::Object(object) => object.retain(|_, _| false),
                Value::Array(elements) => elements.clear(),
                scalar => *scalar = Value::Null,
            }
            self.extent = super::extent::Extent::exactly(self.root.printed_len());
        }
        self.extent = self.extent.loosened();
    }
}

/// Applies a decision to a value; returns whether the value remains.
fn place<S: Sieve>(value: &mut Value, sieve: &mut S, said: Sifted<S::Place>) -> bool {
    match said {
        Sifted::Stays => true,
        Sifted::Goes => false,
        Sifted::Inside(at) => {
            inside(value, sieve, &at);
            true
        }
        Sifted::Way(at) => inside(value, sieve, &at),
    }
}

/// Examines the content of a value; returns whether any of it remains.
fn inside<S: Sieve>(value: &mut Value, sieve: &mut S, at: &S::Place) -> bool {
    match value {
        Value::Object(object) => {
            let mut named_out = false;
            for name in pair_names(object) {
                named_out |= sieve.names_out(name);
            }
            object.retain(|key, child| {
                let said = sieve.member(at, key, named_out && is_pair_value(key));
                place(child, sieve, said)
            });
            !object.is_empty()
        }
        Value::Array(elements) => {
            let mut index = 0;
            elements.retain_mut(|child| {
                let said = sieve.element(at, index);
                index += 1;
                place(child, sieve, said)
            });
            !elements.is_empty()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Limits;
    use super::*;

    /// Sieve that decides by the first letter of a key.
    ///
    /// `g` removes, `i` examines the content, `w` retains ancestors, any other letter retains. The
    /// first element of an array is removed.
    struct ByLetter;

    impl Sieve for ByLetter {
        type Place = ();

        fn member(&mut self, (): &(), key: &str, named_out: bool) -> Sifted<()> {
            match key.as_bytes().first() {
                _ if named_out => Sifted::Goes,
                Some(b'g') => Sifted::Goes,
                Some(b'i') => Sifted::Inside(()),
                Some(b'w') => Sifted::Way(()),
                _ => Sifted::Stays,
            }
        }

        fn names_out(&mut self, name: &str) -> bool {
            name == "gone"
        }

        fn element(&mut self, (): &(), index: usize) -> Sifted<()> {
            if index == 0 { Sifted::Goes } else { Sifted::Way(()) }
        }
    }

    #[test]
    fn what_is_said_is_done() {
        for (before, after) in [
            (r#"{"a":{"g":1},"g":{"a":1}}"#, r#"{"a":{"g":1}}"#),
            (
                r#"{"i":{"g":1},"w":{"g":1},"w2":{"g":1,"a":2}}"#,
                r#"{"i":{},"w2":{"a":2}}"#,
            ),
            (r#"{"i":7,"w":7}"#, r#"{"i":7}"#),
            (
                r#"{"name":"gone","value":1,"old":2,"a":3}"#,
                r#"{"name":"gone","a":3}"#,
            ),
            (r#"{"name":"here","value":1}"#, r#"{"name":"here","value":1}"#),
            (r#"[{"a":1},{"a":2},{"g":3},4]"#, r#"[{"a":2}]"#),
            ("7", "7"),
        ] {
            let mut document = Document::parse(before.as_bytes(), Limits::default()).unwrap();
            document.sift(&mut ByLetter, Sifted::Inside(()));
            assert_eq!(document.to_vec(), after.as_bytes(), "{before}");
            assert!(document.size_bound() >= after.len() && document.take_changes().is_empty());
        }
        for (before, after) in [(r#"{"a":1}"#, "{}"), ("[1]", "[]"), ("7", "null")] {
            let mut document = Document::parse(before.as_bytes(), Limits::default()).unwrap();
            document.sift(&mut ByLetter, Sifted::Goes);
            assert_eq!(document.to_vec(), after.as_bytes(), "{before}");
        }
    }
}
