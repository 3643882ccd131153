//! The shipped plugins, as they are shipped.

use bytes::Bytes;

use super::{Bench, Config, Verdict, step, text};

const REDACT: &[u8] = include_bytes!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../plugins/dist/redact.wasm"
));

#[tokio::test]
async fn redact_takes_confidential_fields_out() {
    let bench = Bench::new(Config::default());
    let component = bench.host.load(Bytes::from_static(REDACT)).await.unwrap();
    assert_eq!(component.description.name, "redact");
    assert!(component.description.redacts);
    let data = r#"{"id":"inv_1","customer":{"email":"a@b.example","plan":"pro"},"total":12.50}"#;
    let done = bench.run(vec![step(&component, "{}")], data).await;
    assert_eq!(done.verdict, Verdict::Pass);
    assert_eq!(
        text(&done.data),
        r#"{"id":"inv_1","customer":{"plan":"pro"},"total":12.50}"#
    );
    assert_eq!(done.steps[0].changed, ["/customer/email"]);
}
