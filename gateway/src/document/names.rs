//! Names that keys can read like, found in one look.

use super::pattern::{BadPattern, PatternSet, Tail, normalise};

/// A list of names as a pattern's `~` step has them: `name|*end`, of which only letters and digits count and not their case.
#[derive(Debug, Clone)]
pub struct KeyNames(PatternSet);

impl KeyNames {
    /// Reads a list.
    ///
    /// # Errors
    /// It is no such list, or too long.
    pub fn parse(names: &str) -> Result<Self, BadPattern> {
        PatternSet::parse([format!("/~{names}")]).map(Self)
    }

    /// Whether a key reads like one of them. `scratch` is room to work in; what is in it does not matter.
    pub fn has(&self, key: &str, scratch: &mut String) -> bool {
        let Some(node) = self.0.nodes().first() else {
            return false;
        };
        if !node.may_lead_loosely(Tail::of_normalised(key)) {
            return false;
        }
        normalise(key, scratch);
        node.loose
            .find(scratch)
            .chain(node.ends.find(scratch))
            .next()
            .is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_like_names_in_any_style() {
        let names = KeyNames::parse("mobile|*email|*ltv").unwrap();
        let mut scratch = String::new();
        for (key, has) in [
            ("mobile", true),
            ("Mobile", true),
            ("mobile_id", false),
            ("work_mobile", false),
            ("email", true),
            ("billingEmail", true),
            ("billing-e-mail", true),
            ("EMAIL", true),
            ("email_id", false),
            ("customer.ltv", true),
            ("", false),
            ("é-email", true),
            ("ltvé", false),
        ] {
            assert_eq!(names.has(key, &mut scratch), has, "{key}");
        }
        assert!(KeyNames::parse("*").is_err());
    }
}
