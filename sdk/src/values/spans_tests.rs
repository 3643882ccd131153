//! Tests of the search for values in texts.

use super::super::cases::{KEPT_NUMBERS, KEPT_TEXTS, TAKEN_NUMBERS, TAKEN_TEXTS};
use super::*;

fn found(text: &str) -> Vec<&str> {
    find(text, true, true)
        .into_iter()
        .map(|span| &text[span])
        .collect()
}

#[test]
fn values_of_the_table_are_found_and_others_are_not() {
    for text in TAKEN_TEXTS {
        assert!(!found(text).is_empty(), "{text}");
        assert!(may_contain(text, true, true), "{text}");
    }
    for number in TAKEN_NUMBERS {
        assert!(
            is_card_number(number) && may_contain(number, false, true),
            "{number}"
        );
    }
    for text in KEPT_TEXTS {
        assert_eq!(found(text), Vec::<&str>::new(), "{text}");
    }
    for number in KEPT_NUMBERS {
        assert!(!is_card_number(number), "{number}");
    }
    assert!(KEPT_TEXTS.len() + KEPT_NUMBERS.len() >= 100);
}

#[test]
fn times_stay_even_where_they_pass_the_check() {
    for second in 1_600_000_000_u64..1_600_002_000 {
        for time in [second * 1_000, second * 1_000_000, second * 1_000_000_000] {
            assert!(!is_card_number(&time.to_string()), "{time}");
        }
    }
}

#[test]
fn the_quick_look_misses_nothing() {
    for text in TAKEN_TEXTS {
        let found = |emails, cards| !find(text, emails, cards).is_empty();
        assert!(!found(true, false) || may_contain(text, true, false), "{text}");
        assert!(!found(false, true) || may_contain(text, false, true), "{text}");
    }
    assert!(!may_contain("12 %4", true, true));
}

#[test]
fn addresses() {
    for (text, expected) in [
        ("a@b.co", vec!["a@b.co"]),
        (
            "write to anna.b+x@mail.example.org, please.",
            vec!["anna.b+x@mail.example.org"],
        ),
        (
            "<a@b.de>; \"c\" <d-e@f-g.h-i.info>.",
            vec!["a@b.de", "d-e@f-g.h-i.info"],
        ),
        ("a@b.de,c@d.de", vec!["a@b.de", "c@d.de"]),
        ("jürgen@müller.de", vec!["jürgen@müller.de"]),
        ("“a@b.de”, »a@b.de«", vec!["a@b.de", "a@b.de"]),
        ("mailto:x_1@y.io?subject=z", vec!["x_1@y.io"]),
        ("@handle, a@b, a@b.c, a @b.de, a@.", vec![]),
        ("at 5@3.50", vec![]),
        ("?to=anna%40mail.example&x", vec!["?to=anna%40mail.example"]),
        ("a%20anna%40mail%2Eexample%20b", vec!["anna%40mail%2Eexample"]),
        ("anna\u{ff20}mail.example", vec!["anna\u{ff20}mail.example"]),
        ("a@mail\u{ff0e}example", vec!["a@mail\u{ff0e}example"]),
        ("by \"anna b\"@mail.example,", vec!["\"anna b\"@mail.example"]),
        ("by a@[127.0.0.1].", vec!["a@[127.0.0.1]"]),
        ("\"@b.de", vec![]),
        ("%40, 40%", vec![]),
        ("", vec![]),
    ] {
        assert_eq!(found(text), expected, "{text}");
    }
}

#[test]
fn card_numbers() {
    for (text, expected) in [
        ("4111111111111111", vec!["4111111111111111"]),
        ("card 4111 1111 1111 1111 12/29", vec!["4111 1111 1111 1111"]),
        ("5500-0000-0000-0004.", vec!["5500-0000-0000-0004"]),
        (
            "amex 378282246310005, diners 30569309025904",
            vec!["378282246310005", "30569309025904"],
        ),
        ("2 x 6011111111111117", vec!["6011111111111117"]),
        (
            "no ４１１１　１１１１　１１１１　１１１１!",
            vec!["４１１１　１１１１　１１１１　１１１１"],
        ),
        (
            "4111\u{2009}1111\u{2011}1111\u{202f}1111",
            vec!["4111\u{2009}1111\u{2011}1111\u{202f}1111"],
        ),
        (
            "x%204111%201111%201111%201111%20y",
            vec!["4111%201111%201111%201111"],
        ),
        // Wrong check digit, too short, too long, no network's beginning, part of a longer number.
        ("4111111111111112", vec![]),
        ("411111111111", vec![]),
        ("41111111111111111111", vec![]),
        ("1234567812345670", vec![]),
        ("94111111111111111", vec![]),
        ("2024-01-15 10:30:00", vec![]),
    ] {
        assert_eq!(found(text), expected, "{text}");
    }
}

#[test]
fn both_in_one_text_do_not_overlap() {
    let text = "4111111111111111@bank.com and 4111111111111111";
    assert_eq!(found(text), ["4111111111111111@bank.com", "4111111111111111"]);
    assert_eq!(find(text, true, false).len(), 1);
    assert_eq!(find("a@b.de 4111111111111111", false, true), vec![7..23]);
}
