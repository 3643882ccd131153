//! Dry runs of chains.

use hookgate_tests::Setup;
use serde_json::json;

use super::User;

#[tokio::test]
async fn chain_try_shows_verdict_changes_and_data() {
    let gateway = Setup::embedded().start();
    let acme = gateway.tenant("acme").await;
    let user = User::of(&gateway, acme.key());
    let event = r#"{"type":"invoice.paid","data":{"total":8500.00,"email":"anna@example.com"}}"#;
    std::fs::write(user.path("event.json"), event).unwrap();
    let case = format!(r#"{{"event":{event},"settings":{{}},"expect":{{"verdict":"pass"}}}}"#);
    std::fs::write(user.path("case.json"), case).unwrap();
    let of_file = ["chain", "try", "--event", "event.json"];
    let redact = r#"redact={"fields":["/email"]}"#;

    // The tenant's chain, which is empty, and one that is not set.
    let passed = user.ok(&of_file).await;
    assert!(passed.starts_with("chain  pass"), "{passed}");
    assert!(passed.contains("anna@example.com"), "{passed}");
    let tried = user.ok(&[&of_file[..], &["--step", redact]].concat()).await;
    let (steps, data) = tried.split_once("data\n").unwrap();
    assert!(
        steps.contains("redact") && steps.contains("- /email  \"anna@example.com\""),
        "{tried}"
    );
    assert!(
        data.contains("8500.00") && !data.contains("email"),
        "the digits are kept: {tried}"
    );
    assert_eq!(acme.get("/v1/chain").await.expect(200)["steps"], json!([]));

    // A stored event, as JSON, with the steps of a file.
    let stored = acme
        .publish("invoice.paid", json!({ "n": 1, "email": "x@y.example" }))
        .await;
    user.ok(&["chain", "set", "--step", redact]).await;
    let chain = user.ok(&["chain", "show", "--json"]).await;
    std::fs::write(user.path("chain.json"), chain).unwrap();
    user.ok(&["chain", "set", "--empty"]).await;
    let of_id = ["chain", "try", "--event-id", &stored];
    let tried = user.json(&[&of_id[..], &["--file", "chain.json"]].concat()).await;
    assert_eq!(
        json!([tried["verdict"], tried["after"], tried["steps"][0]["plugin"]]),
        json!(["pass", { "n": 1 }, "redact"])
    );

    // The chain of a subscription, with the event of a case on the standard input.
    let (id, _) = acme.subscribe("http://127.0.0.1:9/").await;
    let drop = r#"filter={"drop":{"/total":8500},"reason":"too much"}"#;
    user.ok(&["chain", "set", "--subscription", &id, "--step", drop])
        .await;
    let mut command = user.command(&["chain", "try", "--event", "-", "--subscription", &id]);
    command.stdin(std::fs::File::open(user.path("case.json")).unwrap());
    let done = tokio::task::spawn_blocking(move || command.output());
    let done = super::Done::of(&done.await.unwrap().unwrap());
    assert_eq!(done.code, Some(0), "{}", done.errors);
    assert!(
        done.out.starts_with("chain  drop: too much (filter)"),
        "{}",
        done.out
    );

    let events = acme.get("/v1/events").await.expect(200);
    assert_eq!(events["data"].as_array().unwrap().len(), 1, "nothing is stored");
    let unknown = user.fails(1, &["chain", "try", "--event-id", "evt_none"]).await;
    assert!(unknown.contains("404"), "{unknown}");
    std::fs::write(user.path("bad.json"), "[").unwrap();
    let bad = user.fails(2, &["chain", "try", "--event", "bad.json"]).await;
    assert!(bad.contains("the event: it is not JSON"), "{bad}");
    let bad = user
        .fails(2, &[&of_file[..], &["--file", "event.json"]].concat())
        .await;
    assert!(bad.contains("no `steps`"), "{bad}");
    user.fails(2, &["chain", "try"]).await;
}

#[tokio::test]
async fn chain_try_fails_where_the_chain_fails() {
    // The step reads a value that is longer.
    let setup = Setup::embedded().with("plugins.operation_output = \"1KiB\"");
    let gateway = setup.start();
    let acme = gateway.tenant("acme").await;
    let user = User::of(&gateway, acme.key());
    let event = json!({ "type": "a.b", "data": { "text": "x".repeat(2048) } });
    std::fs::write(user.path("event.json"), event.to_string()).unwrap();
    let step = r#"filter={"drop":{"/text":"y"}}"#;
    let done = user
        .run(&["chain", "try", "--event", "event.json", "--step", step])
        .await;
    assert_eq!(done.code, Some(1), "{}", done.out);
    assert!(done.out.starts_with("chain  failed: operations"), "{}", done.out);
    assert!(
        done.errors.contains("the chain failed (operations)"),
        "{}",
        done.errors
    );
}
