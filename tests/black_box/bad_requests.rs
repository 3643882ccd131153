//! Invalid subscriptions, chains and plugins: each gets a clear problem and changes nothing.

use reqwest::Method;
use serde_json::{Value, json};

use crate::site::{On, Site};

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions() {
    let site = Site::start(On::Embedded).await;
    let url = "http://127.0.0.1:9/hook";
    let table: &[(Value, u16, &str, &str)] = &[
        (json!({}), 422, "invalid_field", "url"),
        (json!({ "url": url }), 422, "invalid_field", "events"),
        (
            json!({ "url": url, "events": [] }),
            422,
            "invalid_field",
            "/events",
        ),
        (
            json!({ "url": url, "events": ["a..b"] }),
            422,
            "invalid_field",
            "/events/0",
        ),
        (
            json!({ "url": url, "events": ["a*"] }),
            422,
            "invalid_field",
            "/events/0",
        ),
        (
            json!({ "url": url, "events": "a" }),
            422,
            "invalid_field",
            "/events",
        ),
        (
            json!({ "url": "ftp://example.com/", "events": ["*"] }),
            422,
            "invalid_field",
            "/url",
        ),
        (
            json!({ "url": "nowhere", "events": ["*"] }),
            422,
            "invalid_field",
            "/url",
        ),
        (
            json!({ "url": "http://user:pass@example.com/", "events": ["*"] }),
            422,
            "invalid_field",
            "/url",
        ),
        (
            json!({ "url": "http://10.0.0.1/", "events": ["*"] }),
            422,
            "address_refused",
            "10.0.0.0/8",
        ),
        (
            json!({ "url": "http://[::ffff:10.0.0.1]/", "events": ["*"] }),
            422,
            "address_refused",
            "",
        ),
        (
            json!({ "url": url, "events": ["*"], "secret": "short" }),
            422,
            "invalid_field",
            "/secret",
        ),
        (
            json!({ "url": url, "events": ["*"], "timeout": "-1s" }),
            422,
            "invalid_field",
            "/timeout",
        ),
        (
            json!({ "url": url, "events": ["*"], "timeout": "1 fortnight" }),
            422,
            "invalid_field",
            "/timeout",
        ),
        (
            json!({ "url": url, "events": ["*"], "evnets": ["*"] }),
            422,
            "invalid_field",
            "`events`",
        ),
        (json!([url, ["*"]]), 422, "invalid_field", "not an object"),
        (json!("x"), 422, "invalid_field", "not an object"),
        (
            json!({ "url": url, "events": ["*"], "headers": { "host": "x" } }),
            422,
            "invalid_field",
            "host",
        ),
        (
            json!({ "url": url, "events": ["*"], "headers": { "bad name": "x" } }),
            422,
            "invalid_field",
            "bad name",
        ),
    ];
    let mut wrong = Vec::new();
    for (body, status, code, word) in table {
        let answer = site.acme.post("/v1/subscriptions", body).await;
        if (answer.status, answer.code()) != (*status, *code) || !answer.body.to_string().contains(word) {
            wrong.push(format!(
                "{body}: expected {status} {code} {word:?}, got {} {}",
                answer.status, answer.body
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(
        site.acme.get("/v1/subscriptions").await.expect(200)["data"],
        json!([])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn changes() {
    let site = Site::start(On::Embedded).await;
    let (id, _) = site.acme.subscribe("http://127.0.0.1:9/").await;
    let path = format!("/v1/subscriptions/{id}");
    let before = site.acme.get(&path).await.expect(200);
    for (body, code, word) in [
        (
            json!({ "urll": "http://127.0.0.1:9/" }),
            "invalid_field",
            "did you mean `url`",
        ),
        (json!({ "id": "sub_1" }), "invalid_field", "/id"),
        (
            json!({ "description": "new", "events": ["*.a"] }),
            "invalid_field",
            "/events/0",
        ),
        (json!({ "events": [] }), "invalid_field", "/events"),
        (json!({ "url": null, "timeout": 5 }), "invalid_field", "/timeout"),
        (json!({ "url": "gopher://127.0.0.1/" }), "invalid_field", "/url"),
        (
            json!({ "url": "http://169.254.169.254/" }),
            "address_refused",
            "/url",
        ),
        (json!([]), "invalid_field", "not an object"),
    ] {
        let answer = site.acme.patch(&path, &body).await;
        assert_eq!(
            (answer.status, answer.code()),
            (422, code),
            "{body}: {:#}",
            answer.body
        );
        assert!(
            answer.body.to_string().contains(word),
            "{body}: {:#}",
            answer.body
        );
    }
    assert_eq!(site.acme.get(&path).await.expect(200), before, "nothing changed");
    let tenant = json!({ "nme": "x" });
    let refused = site.gateway.operator().patch("/v1/tenants/acme", &tenant).await;
    assert_eq!(
        (refused.status, refused.code()),
        (422, "invalid_field"),
        "{:#}",
        refused.body
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_https_where_the_operator_wants_it() {
    let site = Site::with(On::Embedded, "egress.https_only = true").await;
    let subscription = json!({ "url": "http://127.0.0.1:9/", "events": ["*"] });
    let refused = site.acme.post("/v1/subscriptions", &subscription).await;
    assert_eq!(refused.status, 422, "{:#}", refused.body);
    assert!(refused.body.to_string().contains("https"), "{:#}", refused.body);
    let subscription = json!({ "url": "https://127.0.0.1:9/", "events": ["*"] });
    site.acme
        .post("/v1/subscriptions", &subscription)
        .await
        .expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn chains_say_what_the_plugin_says() {
    let site = Site::start(On::Embedded).await;
    site.acme.redact().await;
    let before = site.acme.get("/v1/chain").await.expect(200);
    let refused = site
        .acme
        .put(
            "/v1/chain",
            &json!({ "steps": [{ "plugin": "redact", "settings": { "classes": 7 } }] }),
        )
        .await;
    assert_eq!(
        (refused.status, refused.code()),
        (422, "invalid_settings"),
        "{:#}",
        refused.body
    );
    assert!(
        refused.body.to_string().contains("/classes"),
        "with the plugin's pointer: {:#}",
        refused.body
    );
    let unknown = site
        .acme
        .put("/v1/chain", &json!({ "steps": [{ "plugin": "redcat" }] }))
        .await;
    assert_eq!(unknown.status, 422, "{:#}", unknown.body);
    assert!(unknown.body.to_string().contains("redcat"), "{:#}", unknown.body);
    let skipping = json!({ "steps": [{ "plugin": "redact", "settings": { "classes": ["confidential"] }, "on_failure": "skip" }] });
    let refused = site.acme.put("/v1/chain", &skipping).await;
    assert_eq!(
        refused.status, 422,
        "a step that redacts can only fail: {:#}",
        refused.body
    );
    assert_eq!(
        site.acme.get("/v1/chain").await.expect(200)["steps"],
        before["steps"],
        "nothing changed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn components() {
    let site = Site::with(On::Embedded, "plugins.upload = \"2KiB\"").await;
    let upload = async |name: &str, bytes: Vec<u8>| {
        let path = format!("/v1/plugins?name={name}");
        let request = site
            .acme
            .request(Method::POST, &path)
            .header("content-type", "application/wasm");
        site.acme.send(request.body(bytes)).await
    };
    let none = upload("mine", b"not wasm".to_vec()).await;
    assert_eq!(
        (none.status, none.code()),
        (422, "invalid_component"),
        "{:#}",
        none.body
    );
    let module = upload("mine", b"\0asm\x01\0\0\0".to_vec()).await;
    assert_eq!(
        (module.status, module.code()),
        (422, "invalid_component"),
        "{:#}",
        module.body
    );
    let big = upload("mine", vec![0; 4 << 10]).await;
    assert_eq!(
        (big.status, big.code()),
        (413, "body_too_large"),
        "{:#}",
        big.body
    );
    // An empty component: valid, but without exports.
    let empty = upload("mine", b"\0asm\x0d\0\x01\0".to_vec()).await;
    assert_eq!(
        (empty.status, empty.code()),
        (422, "invalid_component"),
        "{:#}",
        empty.body
    );
    assert!(
        empty.body.to_string().contains("hookgate:plugin"),
        "it names the world: {:#}",
        empty.body
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn components_of_other_worlds() {
    let site = Site::start(On::Embedded).await;
    for (component, word) in [
        (
            r#"(component (import "wasi:sockets/network@0.2.0" (instance)))"#,
            "wasi:sockets/network@0.2.0",
        ),
        (
            r#"(component (instance $i) (export "hookgate:plugin/handler@2.0.0" (instance $i)))"#,
            "hookgate:plugin@2.0.0",
        ),
    ] {
        let request = site
            .acme
            .request(Method::POST, "/v1/plugins?name=mine")
            .header("content-type", "application/wasm")
            .body(wat::parse_str(component).unwrap());
        let refused = site.acme.send(request).await;
        assert_eq!(
            (refused.status, refused.code()),
            (422, "invalid_component"),
            "{:#}",
            refused.body
        );
        let detail = refused.body["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(word), "it names what is wrong: {detail}");
    }
    let listed = site.acme.get("/v1/plugins").await.expect(200);
    assert!(!listed.to_string().contains("\"mine\""), "nothing was kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uploaded_component_runs() {
    let site = Site::start(On::Embedded).await;
    let bytes = std::fs::read(hookgate_tests::gateway::root().join("plugins/dist/redact.wasm")).unwrap();
    let request = site
        .acme
        .request(Method::POST, "/v1/plugins?name=mine")
        .header("content-type", "application/wasm");
    site.acme.send(request.body(bytes)).await.expect(201);
    let listed = site.acme.get("/v1/plugins").await.expect(200);
    assert!(listed.to_string().contains("\"mine\""), "{listed:#}");
    let step = json!({ "plugin": "mine", "settings": { "classes": ["confidential", "restricted"] } });
    site.acme
        .put("/v1/chain", &json!({ "steps": [step] }))
        .await
        .expect(200);
    site.acme
        .publish("a.b", json!({ "email": "a@b.example", "status": "x" }))
        .await;
    let feed = site.acme.get("/v1/events").await.expect(200);
    assert_eq!(feed["data"][0]["data"], json!({ "status": "x" }));
    // Another tenant does not see it.
    let other = site.gateway.tenant("other").await;
    assert!(
        !other
            .get("/v1/plugins")
            .await
            .expect(200)
            .to_string()
            .contains("\"mine\"")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_and_methods() {
    let site = Site::start(On::Embedded).await;
    let unknown = site.acme.get("/v1/nothing").await;
    assert_eq!(
        (unknown.status, unknown.code()),
        (404, "route_unknown"),
        "{:#}",
        unknown.body
    );
    let method = site.acme.delete("/v1/events").await;
    assert_eq!(
        (method.status, method.code()),
        (405, "method_not_allowed"),
        "{:#}",
        method.body
    );
    assert!(method.header("allow").contains("POST"), "{:?}", method.headers);
    let tenant = site
        .gateway
        .operator()
        .post("/v1/tenants", &json!({ "id": "Not A Slug" }))
        .await;
    assert_eq!(
        (tenant.status, tenant.code()),
        (422, "invalid_field"),
        "{:#}",
        tenant.body
    );
    let twice = site
        .gateway
        .operator()
        .post("/v1/tenants", &json!({ "id": "acme" }))
        .await;
    assert_eq!(
        (twice.status, twice.code()),
        (409, "already_exists"),
        "{:#}",
        twice.body
    );
}
