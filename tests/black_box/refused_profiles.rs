//! Invalid profiles are refused before the start, each with its line and its fix; and types that
//! the file declares.

use hookgate_tests::Setup;
use hookgate_tests::gateway::command;
use serde_json::json;

/// A valid profile.
const GOOD: &str = r#"[profiles.acme]
summary = "Acme"
[profiles.acme.envelope]
members = [{ name = "data", value = "{data}" }]
[profiles.acme.signature]
content = "{timestamp}.{body}"
encoding = "hex"
headers = { X-Acme = "t={timestamp},{signatures}" }
[profiles.acme.secret]
form = "text"
[profiles.acme.retry]
schedule = ["1m"]
"#;

#[test]
fn a_profile_that_cannot_hold_is_refused_with_its_line_and_a_fix() {
    for (from, to, line, words) in [
        (
            "{timestamp}.{body}",
            "{time}.{body}",
            6,
            &[
                "profiles.acme.signature.content",
                "`{time}`",
                "there are {id}, {type}",
            ][..],
        ),
        (
            "form = \"text\"",
            "prefix = \"acme_\"",
            9,
            &[
                "profiles.acme.secret",
                "a signature needs a secret",
                "take \"text\"",
            ],
        ),
        (
            "schedule = [\"1m\"]",
            "schedule = [\"1m\", \"7d\", \"7d\", \"7d\", \"7d\", \"7d\"]",
            12,
            &[
                "profiles.acme.retry.schedule",
                "set retention.events to 3024060s or more",
            ],
        ),
        (
            "X-Acme =",
            "\"X Acme\" =",
            8,
            &["X Acme", "not a header's name", "use letters, digits and -"],
        ),
        (
            "X-Acme =",
            "Content-Length =",
            8,
            &["belongs to HTTP itself", "choose a name of the product's own"],
        ),
        (
            "content = \"{timestamp}.{body}\"\n",
            "",
            5,
            &["profiles.acme.signature", "nothing is sent unsigned", "such as"],
        ),
        (
            "summary = \"Acme\"",
            "sumary = \"Acme\"",
            2,
            &["sumary", "summary"],
        ),
    ] {
        let toml = GOOD.replace(from, to);
        assert_ne!(toml, GOOD, "{from}");
        let said = refused(&toml);
        let place = format!("hookgate.toml:{line}: ");
        assert!(said.contains(&place), "{place} is not in\n{said}");
        for word in words {
            assert!(said.contains(word), "`{word}` is not in\n{said}");
        }
    }
}

#[test]
fn a_declared_type_whose_schema_cannot_be_used_is_refused_with_its_line() {
    let said = refused(
        "[tenants.acme]\nkeys = [\"a-key-of-16-or-more\"]\n[tenants.acme.event_types.\"order.paid\"]\n\
         schema = '{ \"propertys\": {} }'\n",
    );
    for word in [
        "hookgate.toml:3: ",
        "order.paid.schema",
        "did you mean `properties`?",
    ] {
        assert!(said.contains(word), "`{word}` is not in\n{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn types_that_the_file_declares_are_checked_listed_and_changed_there() {
    let declared = r#"
[tenants.filed]
profile = "syncai"
keys = ["a-key-of-16-or-more"]
[tenants.filed.event_types."order.paid"]
entity = "Order"
description = "An order was paid"
validate = true
schema = { required = ["id"], properties = { id = { type = "string" }, card = { x-classification = "restricted" } } }
[tenants.filed.event_types."order.shown"]
"#;
    let gateway = Setup::embedded().with(declared).start();
    let filed = gateway.operator().with_key("a-key-of-16-or-more");
    let listed = filed.get("/v1/event-types").await.expect(200);
    let names: Vec<_> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| (kind["type"].as_str().unwrap(), kind["source"].as_str().unwrap()))
        .collect();
    assert_eq!(
        names,
        [
            ("document.rejected", "profile"),
            ("document.verified", "profile"),
            ("order.paid", "tenant"),
            ("order.shown", "tenant")
        ]
    );
    let shown = filed.get("/v1/event-types/order.paid").await.expect(200);
    assert_eq!(
        (&shown["entity"], &shown["removed"]["fields"]),
        (
            &json!("Order"),
            &json!([{ "pointer": "/card", "class": "restricted" }])
        )
    );
    let event = |data| json!({ "type": "order.paid", "data": data });
    let wrong = filed.post("/v1/events", &event(json!({ "id": 7 }))).await;
    assert_eq!((wrong.status, wrong.code()), (422, "schema_mismatch"));
    assert_eq!(wrong.body["errors"][0]["pointer"], "/data/id");
    let right = event(json!({ "id": "o1", "card": "4111" }));
    let accepted = filed.post("/v1/events", &right).await.expect(202);
    let id = accepted["id"].as_str().unwrap();
    let stored = filed.get(&format!("/v1/events/{id}")).await.expect(200);
    assert_eq!(stored["data"], json!({ "id": "o1" }), "what it classifies goes");
    let unknown = filed
        .post("/v1/events", &json!({ "type": "order.piad", "data": {} }))
        .await;
    assert_eq!((unknown.status, unknown.code()), (422, "event_type_unknown"));
    assert!(
        unknown.body["errors"][0]["detail"]
            .as_str()
            .unwrap()
            .contains("did you mean `order.paid`?")
    );
    for answer in [
        filed.put("/v1/event-types/order.paid", &json!({})).await,
        filed.delete("/v1/event-types/order.paid").await,
    ] {
        assert_eq!((answer.status, answer.code()), (409, "declared_in_file"));
    }
}

/// The message of `config check` and `serve` for a file, which must be the same.
fn refused(toml: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("hookgate.toml"), toml).unwrap();
    let mut told = String::new();
    for arguments in [["config", "check"].as_slice(), &["serve"]] {
        let done = command()
            .args(arguments)
            .current_dir(dir.path())
            .output()
            .unwrap();
        told = [done.stdout, done.stderr]
            .map(|said| String::from_utf8(said).unwrap())
            .concat();
        assert_eq!(done.status.code(), Some(2), "{told}");
    }
    assert!(!dir.path().join("hookgate-data").exists(), "nothing was started");
    told
}
