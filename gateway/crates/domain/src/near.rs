//! Suggestions for unknown names, by edit distance.

/// Nearest known name, if it is near enough to have been meant.
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    if name.len() > LONGEST {
        return None;
    }
    let lower = name.to_lowercase();
    known
        .iter()
        .filter(|known| known.len() <= LONGEST)
        .map(|known| (strsim::damerau_levenshtein(&lower, known), *known))
        .filter(|(distance, known)| *distance <= (known.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Maximum length of compared names: a comparison takes time in the product of both lengths.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_miss_is_recognised() {
        let known = ["type", "data", "deliver_to"];
        for (name, expected) in [
            ("typ", Some("type")),
            ("Type", Some("type")),
            ("dtaa", Some("data")),
            ("deliverTo", Some("deliver_to")),
            ("payload", None),
            ("", None),
            (&format!("{}typ", " ".repeat(64)), None),
        ] {
            assert_eq!(nearest(name, &known), expected, "{name}");
        }
    }
}
