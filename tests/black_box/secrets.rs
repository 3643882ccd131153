//! Secrets are shown when they are created, when they are rotated, and by their own route; nowhere
//! else.

use hookgate_tests::gateway::OPERATOR_KEY;
use hookgate_tests::{Client, Receiver};
use serde_json::{Value, json};

use crate::privacy::{contains, stored};
use crate::site::{On, Site, on_both_stores};

on_both_stores!(a_secret_is_shown_where_it_is_made_and_by_its_own_route);

async fn a_secret_is_shown_where_it_is_made_and_by_its_own_route(on: On) {
    let site = Site::with(on, "telemetry.level = \"trace\"").await;
    let operator = site.gateway.operator();
    let receiver = Receiver::start(vec![]).await;
    let mut secrets: Vec<(&str, String)> = vec![("the operator's key", OPERATOR_KEY.to_owned())];
    let made = operator
        .post("/v1/tenants", &json!({ "id": "planted", "profile": "synthesq" }))
        .await
        .expect(201);
    let tenant = operator.with_key(text(&made["key"]));
    secrets.push(("a tenant's first key", text(&made["key"]).to_owned()));
    secrets.push(("a tenant's secret", text(&made["signing_secret"]).to_owned()));
    let key = operator
        .post("/v1/tenants/planted/keys", &json!({}))
        .await
        .expect(201);
    secrets.push(("another key", text(&key["key"]).to_owned()));
    let subscription = json!({
        "url": receiver.url(), "events": ["*"], "headers": { "X-Own": "Bearer planted-header-value" },
    });
    let made = tenant.post("/v1/subscriptions", &subscription).await.expect(201);
    let id = text(&made["id"]).to_owned();
    secrets.push(("a header", "planted-header-value".to_owned()));
    secrets.push(("a generated secret", text(&made["secret"]).to_owned()));
    let own = json!({ "url": receiver.url(), "events": ["*"], "secret": "planted-secret-of-the-customer" });
    tenant.post("/v1/subscriptions", &own).await.expect(201);
    secrets.push(("a given secret", "planted-secret-of-the-customer".to_owned()));
    let rotated = tenant
        .post(&format!("/v1/subscriptions/{id}/rotate-secret"), &json!({}))
        .await
        .expect(200);
    secrets.push(("a rotated secret", text(&rotated["secret"]).to_owned()));
    assert_eq!(rotated["previous"][0]["secret"], made["secret"]);
    let rotated = tenant
        .post("/v1/signing-secret/rotate", &json!({}))
        .await
        .expect(200);
    secrets.push(("the tenant's next secret", text(&rotated["secret"]).to_owned()));
    let file = site.gateway.dir().join("data/secrets.key");
    let sealing = std::fs::read_to_string(file).unwrap();
    secrets.push(("the sealing key", sealing.trim().to_owned()));

    // Their own routes show them, and the product's routes do not.
    let shown = tenant
        .get(&format!("/v1/subscriptions/{id}/secret"))
        .await
        .expect(200);
    assert_eq!(shown["previous"][0]["secret"], made["secret"]);
    let shown = tenant.get("/v1/signing-secret").await.expect(200);
    assert_eq!(shown["secret"], rotated["secret"]);

    let event = tenant.publish("product.created", json!({ "id": 7 })).await;
    receiver.wait_for(2).await;
    let refused = tenant
        .post(
            "/v1/subscriptions",
            &json!({ "url": "x", "secret": "planted-secret-of-the-customer", "headers": { "X Own": "planted-header-value" } }),
        )
        .await;
    assert_eq!(refused.status, 422);
    let mut places = vec![
        ("a refusal".to_owned(), refused.body.to_string().into_bytes()),
        ("the log".to_owned(), site.gateway.log().join("\n").into_bytes()),
    ];
    places.extend(answers(&operator, &tenant, &id, &event).await);
    let store = stored(&site).into_iter();
    // The file of the sealing key contains that key.
    places.extend(
        store
            .filter(|bytes| *bytes != sealing.as_bytes())
            .map(|bytes| ("the store".to_owned(), bytes)),
    );
    for (place, bytes) in places {
        for (what, secret) in &secrets {
            assert!(secret.len() > 8, "{what}");
            assert!(!contains(&bytes, secret), "{what} is in {place}");
        }
    }
}

/// Answers of every readable route to the operator and the tenant, without secrets and exports.
async fn answers(
    operator: &Client,
    tenant: &Client,
    subscription: &str,
    event: &str,
) -> Vec<(String, Vec<u8>)> {
    let described = operator.get("/openapi.json").await.expect(200);
    let paths = described["paths"].as_object().unwrap();
    let delivery = format!("dlv_{event}~{subscription}");
    let mut answers = Vec::new();
    let mut read = 0;
    for path in paths
        .keys()
        .filter(|path| paths[*path].get("get").is_some())
        .filter(|path| !path.contains("secret") && !path.contains("export"))
        // It does not end, and has what the list of attempts has.
        .filter(|path| *path != "/v1/tail")
    {
        let id = match path.split('/').nth(2) {
            Some("subscriptions") => subscription,
            Some("events") => event,
            Some("deliveries") => &delivery,
            Some("tenants") => "planted",
            Some("event-types") => "product.created",
            Some("plugins") => "redact",
            _ => "none",
        };
        let asked = path.replace("{id}", id).replace("{version}", "latest");
        for client in [operator, &operator.acting_for("planted"), tenant] {
            let answer = client.get(&asked).await;
            read += usize::from(answer.status == 200);
            answers.push((asked.clone(), answer.body.to_string().into_bytes()));
        }
    }
    assert!(read > 20, "most of them answer: {read}");
    answers.push(("the description".to_owned(), described.to_string().into_bytes()));
    answers
}

/// As in each profile's document, or in the scheme whose style it follows.
#[tokio::test(flavor = "multi_thread")]
async fn generated_secrets_have_the_form_of_their_profile() {
    let site = Site::start(On::Embedded).await;
    let hex = |text: &str| text.len() == 64 && text.bytes().all(|b| b"0123456789abcdef".contains(&b));
    let base64 = |text: &str| {
        let digits = text.trim_end_matches('=');
        let digit = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
        text.len() == 44 && digits.len() == 43 && digits.bytes().all(digit)
    };
    for (profile, prefix, form) in [
        ("standard", "whsec_", "base64"),
        ("synaptis", "whsec_", "hex"),
        ("synthesq", "whsec_", "hex"),
        ("syncai", "", "hex"),
        ("synthflow", "", "hex"),
        ("stripe", "whsec_", "hex"),
        ("github", "", "hex"),
    ] {
        let operator = site.gateway.operator();
        let tenant = json!({ "id": format!("of-{profile}"), "profile": profile });
        let made = operator.post("/v1/tenants", &tenant).await.expect(201);
        let client = operator.with_key(text(&made["key"]));
        let mut secrets = vec![text(&made["signing_secret"]).to_owned()];
        for _ in 0..2 {
            let rotated = client
                .post("/v1/signing-secret/rotate", &json!({}))
                .await
                .expect(200);
            secrets.push(text(&rotated["secret"]).to_owned());
        }
        for secret in &secrets {
            let rest = secret.strip_prefix(prefix);
            let fits = rest.is_some_and(|rest| if form == "hex" { hex(rest) } else { base64(rest) });
            assert!(fits, "{profile}: {secret}");
        }
        secrets.sort();
        secrets.dedup();
        assert_eq!(secrets.len(), 3, "{profile}: no two are the same");
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}
