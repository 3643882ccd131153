//! Normalisation of keys for comparison with names: maps look-alike characters to one form.

use std::borrow::Cow;

/// Replaces `out` by the letters and digits of a key, in lower case.
pub(super) fn normalise(key: &str, out: &mut String) {
    out.clear();
    for character in folded(key).chars() {
        if character.is_ascii_alphanumeric() {
            out.push(character.to_ascii_lowercase());
        } else if !character.is_ascii() {
            out.extend(character.to_lowercase().filter(|c| c.is_alphanumeric()));
        }
    }
}

/// Maps characters of a key that look alike to one form.
///
/// Covers compatibility characters (Unicode NFKC: full-width, mathematical and superscript letters)
/// and the most common letters of other scripts that look like Latin ones (Unicode UTS 39,
/// "confusables").
pub(super) fn folded(key: &str) -> Cow<'_, str> {
    if key.is_ascii() {
        return key.into();
    }
    let composed = icu_normalizer::ComposingNormalizerBorrowed::new_nfkc().normalize(key);
    if !composed.chars().any(|c| latin_lookalike(c).is_some()) {
        return composed;
    }
    let folded = composed.chars().map(|c| latin_lookalike(c).unwrap_or(c));
    folded.collect::<String>().into()
}

fn latin_lookalike(character: char) -> Option<char> {
    Some(match character {
        '\u{131}' => 'i',
        'а' | 'А' | 'α' | 'Α' => 'a',
        'В' | 'Β' => 'b',
        'с' | 'С' => 'c',
        'ԁ' => 'd',
        'е' | 'Е' | 'Ε' => 'e',
        'һ' | 'Н' | 'Η' => 'h',
        'і' | 'І' | 'ι' | 'Ι' => 'i',
        'ј' | 'Ј' => 'j',
        'К' | 'Κ' => 'k',
        'ӏ' | 'Ӏ' => 'l',
        'М' | 'Μ' => 'm',
        'Ν' => 'n',
        'о' | 'О' | 'ο' | 'Ο' => 'o',
        'р' | 'Р' | 'ρ' | 'Ρ' => 'p',
        'ѕ' | 'Ѕ' => 's',
        'Т' | 'Τ' => 't',
        'х' | 'Х' | 'Χ' => 'x',
        'у' | 'У' | 'Υ' => 'y',
        'Ζ' => 'z',
        _ => return None,
    })
}
