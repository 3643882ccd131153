//! Name-value pairs: objects that hold the name of a value beside it, such as
//! `{"name":"email","value":"…"}`.
//!
//! The gateway and the test double read the same table.

/// Checks that a key holds the name of a pair: `name`, `key`, `field_name`.
pub(super) fn is_name(key: &str) -> bool {
    let mut letters = [0; LONGEST];
    matches!(
        letters_of(key, &mut letters),
        b"name"
            | b"key"
            | b"field"
            | b"fieldname"
            | b"fieldid"
            | b"attribute"
            | b"attributename"
            | b"property"
            | b"propertyname"
            | b"column"
            | b"columnname"
            | b"param"
            | b"parameter"
            | b"header"
            | b"variable"
            | b"label"
            | b"question"
            | b"path"
            | b"id"
            | b"type"
            | b"kind"
            | b"k"
    )
}

/// Checks that a key holds the value of a pair: `value`, `old`, `newValue`.
pub(super) fn is_value(key: &str) -> bool {
    let mut letters = [0; LONGEST];
    matches!(
        letters_of(key, &mut letters),
        b"value"
            | b"values"
            | b"val"
            | b"v"
            | b"rawvalue"
            | b"stringvalue"
            | b"textvalue"
            | b"displayvalue"
            | b"defaultvalue"
            | b"old"
            | b"oldvalue"
            | b"new"
            | b"newvalue"
            | b"previous"
            | b"previousvalue"
            | b"current"
            | b"currentvalue"
            | b"original"
            | b"originalvalue"
            | b"before"
            | b"after"
            | b"from"
            | b"fromvalue"
            | b"fromstring"
            | b"to"
            | b"tovalue"
            | b"tostring"
            | b"answer"
    )
}

/// The letters and digits of a key in lower case; empty for a key that has more than any name here.
fn letters_of<'l>(key: &str, letters: &'l mut [u8; LONGEST]) -> &'l [u8] {
    let mut count = 0;
    for byte in key.bytes().filter(u8::is_ascii_alphanumeric) {
        match letters.get_mut(count) {
            Some(letter) => *letter = byte.to_ascii_lowercase(),
            None => return &[],
        }
        count += 1;
    }
    letters.get(..count).unwrap_or_default()
}

/// Bytes of the longest name.
const LONGEST: usize = 13;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pair_keys_read_the_same_in_any_style() {
        for key in [
            "name",
            "Name",
            "fieldName",
            "field_name",
            "field-id",
            "attribute_name",
        ] {
            assert!(is_name(key) && !is_value(key), "{key}");
        }
        for key in [
            "value",
            "Value",
            "old_value",
            "newValue",
            "to",
            "from-string",
            "defaultValue",
        ] {
            assert!(is_value(key) && !is_name(key), "{key}");
        }
        for key in [
            "",
            "names",
            "valued",
            "toward",
            "attribute_name_of_it",
            "origin",
            "größe",
            "é",
        ] {
            assert!(!is_name(key) && !is_value(key), "{key}");
        }
    }
}
