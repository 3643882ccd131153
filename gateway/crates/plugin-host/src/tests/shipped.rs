//! The shipped plugins, as they are shipped.

use std::sync::Arc;

use bytes::Bytes;

use super::{Bench, Component, Config, Verdict, call, document, step, text};

const REDACT: &[u8] = include_bytes!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../../plugins/dist/redact.wasm"
));

async fn redact(bench: &Bench) -> Arc<Component> {
    bench.host.load(Bytes::from_static(REDACT)).await.unwrap()
}

#[tokio::test]
async fn redact_takes_confidential_fields_out() {
    let bench = Bench::new(Config::default());
    let component = redact(&bench).await;
    assert_eq!(component.description.name, "redact");
    assert!(component.description.redacts);
    let data = r#"{"id":"inv_1","customer":{"email":"a@b.example","plan":"pro","lifetime_value":9000.50},"total":12.50}"#;
    let settings = r#"{"classes":["confidential"]}"#;
    let done = bench.run(vec![step(&component, settings)], data).await;
    assert_eq!(done.verdict, Verdict::Pass);
    assert_eq!(
        text(&done.data),
        r#"{"id":"inv_1","customer":{"plan":"pro"},"total":12.50}"#
    );
    assert_eq!(done.steps[0].changed, ["/*/*"], "the dictionary spells no key");
}

#[tokio::test]
async fn redact_reports_the_keys_that_its_settings_spell() {
    let bench = Bench::new(Config::default());
    let component = redact(&bench).await;
    let data = r#"{"contacts":{"anna@b.example":{"note":"x@y.example"},"b":{}},"customer":{"email":"e"}}"#;
    for (settings, changed) in [
        (
            r#"{"fields":["/contacts/*","/customer/email"]}"#,
            &["/contacts/*", "/customer/email"][..],
        ),
        (r#"{"fields":["/**/~note"]}"#, &["/*/*/*"]),
        (r#"{"keep":["/customer"]}"#, &["/*"]),
    ] {
        let done = bench.run(vec![step(&component, settings)], data).await;
        assert_eq!(done.verdict, Verdict::Pass);
        assert_eq!(done.steps[0].changed, changed, "{settings}");
    }
    // The plugin has read every key, so no key is named. An earlier build redacts place by place.
    let done = bench
        .run(vec![step(&component, r#"{"values":["email"]}"#)], data)
        .await;
    assert_eq!(done.verdict, Verdict::Pass);
    assert!(!text(&done.data).contains("x@y"));
    for place in &done.steps[0].changed {
        assert!(place.chars().all(|character| "/*".contains(character)), "{place}");
    }
}

#[tokio::test]
async fn pseudonyms_are_a_tenants_own() {
    let bench = Bench::new(Config::default());
    let component = redact(&bench).await;
    let settings = r#"{"fields":["/email"],"action":"pseudonym","label":"person"}"#;
    let mut seen = Vec::new();
    for tenant in ["acme", "acme", "other"] {
        let call = call(
            tenant,
            vec![step(&component, settings)],
            r#"{"email":"a@b.example"}"#,
        );
        let done = bench.host.run(call).await;
        assert_eq!(done.verdict, Verdict::Pass);
        seen.push(text(&done.data));
    }
    assert!(seen[0].starts_with(r#"{"email":"person:"#), "{}", seen[0]);
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0], seen[2]);
}

#[tokio::test]
async fn a_plugin_refuses_settings_in_its_own_words() {
    let bench = Bench::new(Config::default());
    let component = redact(&bench).await;
    let check = |settings| {
        bench
            .host
            .check_settings(None, &component, Arc::new(document(settings)))
    };
    assert_eq!(check(r#"{"classes":["confidential"]}"#).await, Ok(Vec::new()));
    let problems = check(r#"{"classes":["secret"],"colour":1}"#).await.unwrap();
    let mut pointers: Vec<&str> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/classes/0", "/colour"]);
}
