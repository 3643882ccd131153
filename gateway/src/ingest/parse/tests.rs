//! Tests of every invalid and every valid form of an event.

use super::*;

const ALLOWED: Allowed = Allowed {
    document: Limits {
        bytes: 4096,
        depth: 16,
    },
    events: 3,
};

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (
                http::HeaderName::from_static(name),
                value.parse().expect("a value"),
            )
        })
        .collect()
}

fn read(format: Format, body: &str) -> Result<Parsed, Problem> {
    parse(format, &HeaderMap::new(), body.as_bytes(), ALLOWED)
}

/// Locations of a refused event's problems.
fn places(refused: Result<Parsed, Problem>) -> Vec<String> {
    let problem = refused
        .map(|parsed| parsed.candidates.len())
        .expect_err("it is wrong");
    assert_eq!(problem.code(), Code::InvalidEvent, "{}", problem.detail());
    problem
        .errors()
        .iter()
        .map(|error| error.pointer.clone())
        .collect()
}

#[test]
fn what_is_not_json_is_told_apart() {
    let deep = format!(r#"{{"type":"a","data":{}1{}}}"#, "[".repeat(16), "]".repeat(16));
    for (body, expected) in [
        ("", Code::InvalidJson),
        ("{", Code::InvalidJson),
        ("nope", Code::InvalidJson),
        (r#"{"type":"a","data":1,}"#, Code::InvalidJson),
        (r#"{"type":"a","data":1} x"#, Code::InvalidJson),
        (r#"{"type":"a","data":01}"#, Code::InvalidJson),
        (r#"{"type":"a","type":"b","data":1}"#, Code::DuplicateKey),
        (r#"{"type":"a","data":{"x":{"y":1,"y":2}}}"#, Code::DuplicateKey),
        (&deep, Code::TooDeep),
    ] {
        assert_eq!(
            read(Format::Native, body).map_err(|p| p.code()).expect_err(body),
            expected,
            "{body}"
        );
    }
    let latin1 = parse(
        Format::Native,
        &HeaderMap::new(),
        b"{\"type\":\"a\",\"data\":\"\xe9\"}",
        ALLOWED,
    );
    assert_eq!(latin1.expect_err("no UTF-8").code(), Code::InvalidJson);
}

#[test]
fn a_native_event_is_read() {
    let body = r#"{"type":"invoice.paid","data":{"amount":8500.00},"id":"inv-1","created":"2024-01-15T10:30:00Z",
        "metadata":{"source":"billing"},"deliver_to":"https://example.com/hook"}"#;
    let mut parsed = read(Format::Native, body).expect("valid");
    assert!(!parsed.many);
    let event = parsed.candidates.remove(0);
    assert_eq!(event.kind.as_str(), "invoice.paid");
    assert_eq!(event.id.expect("given").as_str(), "inv-1");
    assert_eq!(event.created.expect("given").as_secs(), 1_705_314_600);
    assert_eq!(event.data.to_json(), r#"{"amount":8500.00}"#);
    assert_eq!(
        event.metadata.expect("given").to_json(),
        r#"{"source":"billing"}"#
    );
    assert_eq!(
        event.deliver_to.expect("given").as_str(),
        "https://example.com/hook"
    );
}

#[test]
fn null_is_absent_but_for_data() {
    let body = r#"{"type":"a","data":null,"id":null,"created":null,"metadata":null,"deliver_to":null}"#;
    let event = read(Format::Native, body).expect("valid").candidates.remove(0);
    assert!(event.data.is_null() && event.id.is_none() && event.metadata.is_none());
}

#[test]
fn every_wrong_field_is_named() {
    for (body, expected) in [
        ("1", vec![""]),
        (r#""text""#, vec![""]),
        ("{}", vec!["", ""]),
        (r#"{"data":1}"#, vec![""]),
        (r#"{"type":"a"}"#, vec![""]),
        (r#"{"type":7,"data":1}"#, vec!["/type"]),
        (r#"{"type":null,"data":1}"#, vec![""]),
        (r#"{"type":"a..b","data":1}"#, vec!["/type"]),
        (r#"{"type":"a*b","data":1}"#, vec!["/type"]),
        (r#"{"type":"a","data":1,"id":"no spaces"}"#, vec!["/id"]),
        (r#"{"type":"a","data":1,"id":7}"#, vec!["/id"]),
        (r#"{"type":"a","data":1,"created":"yesterday"}"#, vec!["/created"]),
        (r#"{"type":"a","data":1,"created":1705314600}"#, vec!["/created"]),
        (r#"{"type":"a","data":1,"metadata":[]}"#, vec!["/metadata"]),
        (
            r#"{"type":"a","data":1,"deliver_to":"nowhere"}"#,
            vec!["/deliver_to"],
        ),
        (r#"{"type":"a","data":1,"dtaa":2}"#, vec!["/dtaa"]),
        (r#"{"type":"a","data":1,"x/~y":2}"#, vec!["/x~1~0y"]),
        (r#"{"typ":"a","data":1}"#, vec!["/typ", ""]),
    ] {
        assert_eq!(places(read(Format::Native, body)), expected, "{body}");
    }
}

#[test]
fn a_misspelt_field_is_told_the_right_one() {
    let problem = read(
        Format::Native,
        r#"{"type":"a","data":1,"deliverTo":"https://x.test"}"#,
    )
    .expect_err("unknown");
    assert!(
        problem.detail().contains("did you mean `deliver_to`"),
        "{}",
        problem.detail()
    );
}

#[test]
fn an_array_is_taken_whole_or_not_at_all() {
    let good = r#"{"type":"a","data":1}"#;
    let parsed = read(Format::Native, &format!("[{good},{good}]")).expect("valid");
    assert!(parsed.many && parsed.candidates.len() == 2);
    assert_eq!(
        places(read(
            Format::Native,
            &format!(r#"[{good},{{"type":"","data":1}},7]"#)
        )),
        ["/1/type", "/2"]
    );
    assert_eq!(places(read(Format::Native, "[]")), [""]);
    let problem = read(Format::Native, &format!("[{good},{good},{good},{good}]")).expect_err("too many");
    assert!(problem.detail().contains("at most 3"), "{}", problem.detail());
}

const CLOUD_EVENT: &str = r#"{"specversion":"1.0","id":"A 1","source":"/billing","type":"invoice.paid",
    "time":"2024-01-15T10:30:00Z","subject":"inv/7","data":{"total":1}}"#;

#[test]
fn a_structured_cloud_event_is_read() {
    let event = read(Format::Structured, CLOUD_EVENT)
        .expect("valid")
        .candidates
        .remove(0);
    assert_eq!(event.kind.as_str(), "invoice.paid");
    assert_eq!(event.data.to_json(), r#"{"total":1}"#);
    assert_eq!(event.created.expect("given").as_secs(), 1_705_314_600);
    let metadata = event.metadata.expect("attributes");
    assert_eq!(metadata.get("source").and_then(Value::as_str), Some("/billing"));
    assert_eq!(metadata.get("id").and_then(Value::as_str), Some("A 1"));
    assert_eq!(metadata.get("subject").and_then(Value::as_str), Some("inv/7"));
}

#[test]
fn source_and_id_together_identify_a_cloud_event() {
    let id = |body: &str| {
        read(Format::Structured, body)
            .expect("valid")
            .candidates
            .remove(0)
            .id
            .expect("made")
    };
    assert_eq!(id(CLOUD_EVENT), id(CLOUD_EVENT));
    assert_ne!(id(CLOUD_EVENT), id(&CLOUD_EVENT.replace("/billing", "/orders")));
    assert_ne!(id(CLOUD_EVENT), id(&CLOUD_EVENT.replace("A 1", "A 2")));
}

#[test]
fn a_binary_cloud_event_is_the_same_event() {
    let headers = headers(&[
        ("ce-specversion", "1.0"),
        ("ce-id", "A%201"),
        ("ce-source", "/billing"),
        ("ce-type", "invoice.paid"),
        ("ce-subject", "inv/7"),
        ("content-type", "application/json"),
    ]);
    let event = parse(Format::Binary, &headers, br#"{"total":1}"#, ALLOWED)
        .expect("valid")
        .candidates
        .remove(0);
    let same = read(Format::Structured, CLOUD_EVENT)
        .expect("valid")
        .candidates
        .remove(0);
    assert_eq!((event.id, event.kind), (same.id, same.kind));
    assert_eq!(event.data, same.data);
    let metadata = event.metadata.expect("attributes");
    let content_type = metadata.get("datacontenttype").and_then(Value::as_str);
    assert_eq!(content_type, Some("application/json"));
}

#[test]
fn cloudevents_header_values_are_unquoted_and_decoded() {
    for (value, expected) in [
        ("inv/7", "inv/7"),
        ("a%20b%25", "a b%"),
        ("50%", "50%"),
        ("\"a b\"", "a b"),
        (r#""a \"b\" \\ c""#, r#"a "b" \ c"#),
        ("\"a%20b\"", "a b"),
        ("\"", "\""),
        ("Euro%20%E2%82%AC", "Euro \u{20ac}"),
    ] {
        let headers = headers(&[
            ("ce-specversion", "1.0"),
            ("ce-id", "1"),
            ("ce-source", "/s"),
            ("ce-type", "a.b"),
            ("ce-subject", value),
        ]);
        let parsed = parse(Format::Binary, &headers, b"", ALLOWED).expect(value);
        let event = &parsed.candidates[0];
        assert!(event.data.is_null(), "no body, no data");
        let metadata = event.metadata.as_ref().expect("attributes");
        assert_eq!(
            metadata.get("subject").and_then(Value::as_str),
            Some(expected),
            "{value}"
        );
        assert!(metadata.get("datacontenttype").is_none());
    }
}

#[test]
fn cloudevents_header_that_is_no_attribute_is_refused() {
    let base = [
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/s"),
        ("ce-type", "a.b"),
    ];
    for (name, value, pointer) in [
        ("ce-id", "2", "/id"),
        ("ce-subject", "", "/subject"),
        ("ce-subject", "%00", "/subject"),
        ("ce-subject", "%FF", "/subject"),
        ("ce-datacontenttype", "application/json", "/datacontenttype"),
        ("ce-my-extension", "1", "/my-extension"),
    ] {
        let mut headers = headers(&base);
        headers.append(
            http::HeaderName::from_static(name),
            value.parse().expect("a value"),
        );
        assert_eq!(
            places(parse(Format::Binary, &headers, b"1", ALLOWED)),
            [pointer],
            "{name}: {value}"
        );
    }
}

#[test]
fn cloudevents_attributes_are_of_the_type_system() {
    for (attribute, expected) in [
        (r#""ext":true"#, Ok(Some("true"))),
        (r#""ext":2147483647"#, Ok(Some("2147483647"))),
        (r#""ext":null"#, Ok(None)),
        (r#""datacontenttype":null"#, Ok(None)),
        (r#""data_base64":null"#, Ok(None)),
        (r#""ext":2147483648"#, Err("/ext")),
        (r#""ext":1.5"#, Err("/ext")),
        (r#""ext":{}"#, Err("/ext")),
        (r#""ext":[]"#, Err("/ext")),
        (r#""ext":"a\u0001""#, Err("/ext")),
        (r#""dataschema":"""#, Err("/dataschema")),
        (r#""data_base64":"MQ==""#, Err("/data_base64")),
    ] {
        let read = read(
            Format::Structured,
            &CLOUD_EVENT.replace("\"data\":", &format!("{attribute},\"data\":")),
        );
        match expected {
            Err(pointer) => assert_eq!(places(read), [pointer], "{attribute}"),
            Ok(expected) => {
                let event = read.expect(attribute).candidates.remove(0);
                let metadata = event.metadata.expect("attributes");
                let ext = metadata.get("ext").map(Value::to_json);
                assert_eq!(ext.as_deref(), expected, "{attribute}");
                let Value::Object(members) = &metadata else {
                    panic!("an object")
                };
                assert!(members.keys().all(|key| !key.starts_with("data")), "{attribute}");
            }
        }
    }
}

#[test]
fn a_batch_of_cloud_events_is_read() {
    let parsed = read(Format::Batched, &format!("[{CLOUD_EVENT}]")).expect("valid");
    assert!(parsed.many && parsed.candidates.len() == 1);
    assert_eq!(places(read(Format::Batched, CLOUD_EVENT)), [""]);
    // JSON format 1.0.2 §4.3.
    let empty = read(Format::Batched, "[]").expect("an empty batch is one");
    assert!(empty.many && empty.candidates.is_empty());
}

#[test]
fn wrong_cloud_events_are_refused() {
    for (from, to, expected) in [
        ("\"1.0\"", "\"0.3\"", "/specversion"),
        ("\"specversion\":\"1.0\",", "", ""),
        ("\"id\":\"A 1\",", "", ""),
        ("\"A 1\"", "\"\"", "/id"),
        ("\"A 1\"", "7", "/id"),
        ("\"A 1\"", "null", ""),
        ("\"source\":\"/billing\",", "", ""),
        ("invoice.paid", "invoice,paid", "/type"),
        ("2024-01-15T10:30:00Z", "soon", "/time"),
        ("\"subject\"", "\"Sub_ject\"", "/Sub_ject"),
        (
            "\"subject\":\"inv/7\"",
            "\"datacontenttype\":\"text/xml\"",
            "/datacontenttype",
        ),
        ("\"data\":{\"total\":1}", "\"data_base64\":\"%\"", "/data_base64"),
        (
            "\"data\":{\"total\":1}",
            "\"data_base64\":\"PHg+\"",
            "/data_base64",
        ),
    ] {
        assert_eq!(
            places(read(Format::Structured, &CLOUD_EVENT.replace(from, to))),
            [expected],
            "{from} {to}"
        );
    }
    let encoded = CLOUD_EVENT.replace("\"data\":{\"total\":1}", "\"data_base64\":\"eyJ0b3RhbCI6MX0=\"");
    let event = read(Format::Structured, &encoded)
        .expect("valid")
        .candidates
        .remove(0);
    assert_eq!(event.data.to_json(), r#"{"total":1}"#);
}
