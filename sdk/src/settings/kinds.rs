//! Implementations of [`Setting`](crate::settings::Setting): strings, booleans, numbers, places,
//! lists and objects.

use std::collections::BTreeMap;

use super::{Pattern, Pointer, Setting, Whole};
use crate::check::Check;
use crate::{Scalar, Settings, pointer};

impl Setting for String {
    fn schema() -> String {
        r#"{"type":"string"}"#.into()
    }

    fn check(check: &mut Check, pointer: &str) {
        check.text(pointer);
    }

    fn read(settings: &Settings, pointer: &str) -> Option<Self> {
        settings.get_str(pointer)
    }
}

impl Setting for bool {
    fn schema() -> String {
        r#"{"type":"boolean"}"#.into()
    }

    fn check(check: &mut Check, pointer: &str) {
        check.boolean(pointer);
    }

    fn read(settings: &Settings, pointer: &str) -> Option<Self> {
        settings.get_bool(pointer)
    }
}

impl Setting for i64 {
    fn schema() -> String {
        r#"{"type":"integer"}"#.into()
    }

    fn check(check: &mut Check, pointer: &str) {
        check.integer(pointer, Self::MIN..=Self::MAX);
    }

    fn read(settings: &Settings, pointer: &str) -> Option<Self> {
        settings.get_i64(pointer)
    }
}

impl<const LEAST: i64, const MOST: i64> Setting for Whole<LEAST, MOST> {
    fn schema() -> String {
        let (least, most) = (LEAST.to_string(), MOST.to_string());
        [
            r#"{"type":"integer","minimum":"#,
            &least,
            r#","maximum":"#,
            &most,
            "}",
        ]
        .concat()
    }

    fn check(check: &mut Check, pointer: &str) {
        check.integer(pointer, LEAST..=MOST);
    }

    fn read(settings: &Settings, pointer: &str) -> Option<Self> {
        settings.get_i64(pointer).map(Self::new)
    }
}

impl Setting for f64 {
    fn schema() -> String {
        r#"{"type":"number"}"#.into()
    }

    fn check(check: &mut Check, pointer: &str) {
        check.number(pointer);
    }

    fn read(settings: &Settings, pointer: &str) -> Option<Self> {
        match settings.get(pointer).ok()? {
            Scalar::Integer(number) => number.to_string().parse().ok(),
            Scalar::Decimal(number) => Some(number),
            Scalar::RawNumber(text) => text.parse().ok(),
            _ => None,
        }
    }
}

impl Setting for Pattern {
    fn schema() -> String {
        r#"{"type":"string","description":"A pattern of places in the event's data."}"#.into()
    }

    fn check(check: &mut Check, pointer: &str) {
        check.pattern(pointer);
    }

    fn read(settings: &Settings, pointer: &str) -> Option<Self> {
        settings.get_str(pointer).map(Self)
    }
}

impl Setting for Pointer {
    fn schema() -> String {
        r#"{"type":"string","format":"json-pointer"}"#.into()
    }

    fn check(check: &mut Check, pointer: &str) {
        check.pointer(pointer);
    }

    fn read(settings: &Settings, pointer: &str) -> Option<Self> {
        settings.get_str(pointer).map(Self)
    }
}

impl<T: Setting> Setting for Option<T> {
    fn schema() -> String {
        T::schema()
    }

    fn check(check: &mut Check, pointer: &str) {
        T::check(check, pointer);
    }

    fn read(settings: &Settings, pointer: &str) -> Option<Self> {
        T::read(settings, pointer).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn schema() -> String {
        [r#"{"type":"array","items":"#, &T::schema(), r#","minItems":1}"#].concat()
    }

    fn check(check: &mut Check, pointer: &str) {
        for element in check.list(pointer, MAX_PARTS) {
            T::check(check, &element);
        }
    }

    fn read(settings: &Settings, pointer: &str) -> Option<Self> {
        let elements = 0..settings.length(pointer)?;
        elements
            .map(|index| T::read(settings, &pointer::element(pointer, index as usize)))
            .collect()
    }
}

impl<T: Setting> Setting for BTreeMap<String, T> {
    fn schema() -> String {
        [r#"{"type":"object","additionalProperties":"#, &T::schema(), "}"].concat()
    }

    fn check(check: &mut Check, pointer: &str) {
        if !check.settings().has(pointer) {
            return;
        }
        for key in check.keys(pointer) {
            T::check(check, &pointer::member(pointer, &key));
        }
    }

    fn read(settings: &Settings, pointer: &str) -> Option<Self> {
        let keys = settings.keys(pointer, 0, MAX_PARTS).ok()?;
        keys.into_iter()
            .map(|key| {
                let value = T::read(settings, &pointer::member(pointer, &key))?;
                Some((key, value))
            })
            .collect()
    }
}

/// Maximum number of elements of a list, and of keys of an object, that are read.
const MAX_PARTS: u32 = 1_000;
