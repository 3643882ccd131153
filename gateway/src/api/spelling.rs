//! Patterns of texts in requests, as the OpenAPI document states them.
//!
//! The parsers of the types decide; each expression is tested against its parser.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::fields::Parsed;
use hookgate_domain::spelling::{EVENT_ID, EVENT_PATTERN, EVENT_TYPE, TENANT_ID};
use hookgate_domain::{EventId, EventPattern, EventType, TenantId, Timestamp};
use hookgate_egress::EndpointUrl;

/// Text form of a type.
pub(super) trait Spelled {
    /// Schema of the text.
    fn schema() -> Schema;
}

impl<T: Spelled> JsonSchema for Parsed<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        T::schema()
    }
}

macro_rules! spelled {
    ($($type:ty: $schema:tt;)+) => {$(
        impl Spelled for $type {
            fn schema() -> Schema {
                json_schema!($schema)
            }
        }
    )+};
}

spelled! {
    TenantId: { "type": "string", "pattern": TENANT_ID };
    EventId: { "type": "string", "pattern": EVENT_ID };
    EventType: { "type": "string", "pattern": EVENT_TYPE, "maxLength": 256 };
    EventPattern: { "type": "string", "pattern": EVENT_PATTERN, "maxLength": 258 };
    EndpointUrl: { "type": "string", "format": "uri", "pattern": URL, "maxLength": 2048 };
    Timestamp: { "type": "string", "format": "date-time" };
}

const URL: &str = "^[Hh][Tt][Tt][Pp][Ss]?://.";

#[cfg(test)]
mod tests {
    use super::*;
    use hookgate_domain::spelling::EVENT_PATTERNS;

    #[test]
    fn patterns_take_what_their_parsers_take() {
        let long = "a".repeat(64);
        let texts = [
            "",
            "a",
            "a.b",
            "a..b",
            ".a",
            "a.",
            "a b",
            " a",
            "a ",
            "a. b",
            "a .b",
            "a. .b",
            "*",
            "a.*",
            "*.a",
            "a.b.*",
            ".*",
            "a*",
            "A",
            "é",
            "a\"b",
            "a\\b",
            "a^b",
            "a`b",
            "a{b",
            "a|b",
            "a<b",
            "a>b",
            "a,b",
            "a/b:c?d#e~[f]",
            "a-b_c!",
            "-a",
            "0-9",
            &long,
            "a\tb",
        ];
        for text in texts {
            let takes = |pattern: &str| regex::Regex::new(pattern).expect("a pattern").is_match(text);
            assert_eq!(takes(TENANT_ID), text.parse::<TenantId>().is_ok(), "{text:?}");
            assert_eq!(takes(EVENT_ID), text.parse::<EventId>().is_ok(), "{text:?}");
            assert_eq!(takes(EVENT_TYPE), text.parse::<EventType>().is_ok(), "{text:?}");
            assert_eq!(
                takes(EVENT_PATTERN),
                text.parse::<EventPattern>().is_ok(),
                "{text:?}"
            );
        }
        let takes = |text: &str| {
            regex::Regex::new(EVENT_PATTERNS)
                .expect("a pattern")
                .is_match(text)
        };
        let many = |count: usize| vec!["a.*"; count].join(",");
        assert!(takes("a, b.* ,*") && takes(&many(64)) && !takes(&many(65)) && !takes("a,,b"));
    }
}
