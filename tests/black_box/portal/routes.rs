//! Every route of the OpenAPI document with every capability, and with the ids of another tenant.

use hookgate_tests::{Client, Receiver, Setup};
use reqwest::Method;
use serde_json::{Value, json};

use super::{ALL, portal};
use crate::delivering::settled;

/// Operation of the OpenAPI document: method, path, and the capability that it names.
struct Operation {
    method: Method,
    path: String,
    capability: Option<String>,
}

async fn operations(client: &Client) -> Vec<Operation> {
    let document = client.get("/openapi.json").await.expect(200);
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(|(method, operation)| Operation {
            method: method.to_uppercase().parse().unwrap(),
            path: path.clone(),
            capability: operation["x-hookgate-capability"].as_str().map(str::to_owned),
        })
    });
    operations.collect()
}

/// Sends a request to an operation, with these ids in its path.
async fn ask(client: &Client, operation: &Operation, id: &str) -> hookgate_tests::Answer {
    let path = operation
        .path
        .replace("{id}", id)
        .replace("{key}", id)
        .replace("{version}", id)
        // It would not end.
        .replace("/v1/tail", "/v1/tail?events=x");
    let mut request = client.request(operation.method.clone(), &path);
    if operation.method != Method::GET {
        request = request.json(&json!({}));
    }
    client.send(request).await
}

/// Routes without a capability that are not refused: those without a key, and those of the session itself.
const OPEN: &[&str] = &[
    "/healthz",
    "/readyz",
    "/metrics",
    "/v1/session",
    "/v1/session/renew",
];

#[tokio::test(flavor = "multi_thread")]
async fn session_calls_routes_of_its_capabilities_and_no_other() {
    // Products' routes are among them.
    let gateway = Setup::embedded().with("ui.sessions_per_tenant = 1000").start();
    let operator = gateway.operator();
    let tenant = json!({ "id": "synq", "profile": "synthesq" });
    let made = operator.post("/v1/tenants", &tenant).await.expect(201);
    let tenant = operator.with_key(made["key"].as_str().unwrap());
    let operations = operations(&tenant).await;
    let (mut wrong, mut granted) = (Vec::new(), 0);
    for capability in ALL {
        let user = portal(&tenant, &json!({ "capabilities": [capability] })).await;
        for operation in &operations {
            if OPEN.contains(&operation.path.as_str()) {
                continue;
            }
            let answer = ask(&user, operation, "x").await;
            let permitted = operation.capability.as_deref() == Some(capability);
            granted += usize::from(permitted);
            let reads_feed = operation.path == "/v1/events" && operation.method == Method::GET;
            let refused = matches!(answer.status, 401 | 403);
            if refused == (permitted && !reads_feed) {
                let place = format!("{} {}", operation.method, operation.path);
                wrong.push(format!(
                    "{capability}: {place}: {} {}",
                    answer.status,
                    answer.code()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(granted > 40, "{granted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn session_reads_nothing_of_another_tenant() {
    let gateway = Setup::embedded().with("retry.base = \"20ms\"").start();
    let (acme, other) = (gateway.tenant("acme").await, gateway.tenant("other").await);
    let receiver = Receiver::start(vec![]).await;
    let new = json!({ "url": receiver.url(), "events": ["*"], "description": MARK });
    let made = other.post("/v1/subscriptions", &new).await.expect(201);
    let secret = made["secret"].as_str().unwrap().to_owned();
    // Answers name what their request named.
    let kind = "hidden.made";
    other
        .put(
            &format!("/v1/event-types/{kind}"),
            &json!({ "description": MARK }),
        )
        .await
        .expect(200);
    let event = other.publish(kind, json!({ "mark": MARK })).await;
    let delivery = settled(&other, &event).await;
    let ids = [
        made["id"].as_str().unwrap(),
        event.as_str(),
        delivery["id"].as_str().unwrap(),
        kind,
        "other",
        "redact",
    ];
    let user = portal(&acme, &json!({ "capabilities": ALL })).await;
    let forged = user.acting_for("other");
    let reads = |answer: &Value| {
        let text = answer.to_string();
        text.contains(MARK) || text.contains(&secret)
    };
    // With its own rights, the other tenant is read: the marks are there.
    assert!(reads(&other.get(&format!("/v1/events/{event}")).await.body));
    let (mut wrong, mut asked) = (Vec::new(), 0);
    for operation in operations(&acme).await {
        // It ends the session.
        if operation.path == "/v1/session" && operation.method == Method::DELETE {
            continue;
        }
        let ids = if operation.path.contains('{') {
            &ids[..]
        } else {
            &ids[..1]
        };
        for id in ids {
            for client in [&user, &forged] {
                let answer = ask(client, &operation, id).await;
                asked += 1;
                if reads(&answer.body) {
                    wrong.push(format!(
                        "{} {}: {:#}",
                        operation.method, operation.path, answer.body
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(asked > 300, "{asked}");
    // Nor was anything changed.
    let kept = other
        .get(&format!("/v1/subscriptions/{}", ids[0]))
        .await
        .expect(200);
    assert_eq!(
        (&kept["description"], &kept["status"]),
        (&json!(MARK), &json!("active"))
    );
    user.get("/v1/session").await.expect(200);
}

/// Text that only the other tenant's data has.
const MARK: &str = "marker_of_other";
