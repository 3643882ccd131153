//! Contexts: which gateway and key a command uses.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use hookgate_tests::Setup;
use hookgate_tests::gateway::OPERATOR_KEY;
use serde_json::json;

use super::User;

#[tokio::test]
async fn context_selects_gateway_key_and_tenant() {
    let (one, two) = (Setup::embedded().start(), Setup::embedded().start());
    let acme = one.tenant("acme").await;
    let user = User::new();
    let none = user.fails(2, &["tenant", "list"]).await;
    assert!(
        none.contains("no key is given") && none.contains("context add"),
        "{none}"
    );

    std::fs::write(user.path("key"), format!("{OPERATOR_KEY}\n")).unwrap();
    let key = user.path("key");
    let key = key.to_str().unwrap();
    let said = user
        .ok(&["context", "add", "one", "--url", one.base(), "--key-file", key])
        .await;
    assert!(!said.contains(OPERATOR_KEY), "{said}");
    let file = user.path("hookgate/contexts.toml");
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let add = [
        "context",
        "add",
        "two",
        "--url",
        two.base(),
        "--key-file",
        key,
        "--tenant",
        "globex",
    ];
    user.ok(&add).await;

    let list = user.json(&["context", "list"]).await;
    assert_eq!(
        list["data"],
        json!([
            { "name": "one", "current": false, "url": one.base(), "ca": null, "tenant": null },
            { "name": "two", "current": true, "url": two.base(), "ca": null, "tenant": "globex" },
        ])
    );
    let list = user.ok(&["context", "list"]).await;
    assert!(list.contains("globex") && !list.contains(OPERATOR_KEY), "{list}");

    // The last one added is used; its tenant is the one that is acted for.
    user.ok(&["tenant", "create", "globex"]).await;
    user.ok(&["event", "send", "a.b", "{}"]).await;
    two.operator().get("/v1/tenants/globex").await.expect(200);
    user.ok(&["context", "use", "one"]).await;
    assert_eq!(user.json(&["tenant", "list"]).await["data"][0]["id"], "acme");
    let missing = user.fails(1, &["event", "list"]).await;
    assert!(missing.contains("Hookgate-Tenant"), "{missing}");
    user.ok(&["event", "list", "--tenant", "acme"]).await;
    user.ok(&["event", "list", "--context", "two"]).await;

    // The key of a tenant wins over the context's, and so does the environment.
    user.ok(&["event", "list", "--key", acme.key()]).await;
    let keyed = User::new().with("HG_KEY", "hg_wrong");
    std::fs::create_dir(keyed.path("hookgate")).unwrap();
    std::fs::copy(&file, keyed.path("hookgate/contexts.toml")).unwrap();
    let wrong = keyed.fails(1, &["event", "list"]).await;
    assert!(wrong.contains("401"), "{wrong}");

    let unknown = user.fails(2, &["context", "use", "three"]).await;
    assert!(unknown.contains("there are one, two"), "{unknown}");
    user.ok(&["context", "remove", "one"]).await;
    user.fails(2, &["tenant", "list"]).await;
    assert!(!std::fs::read_to_string(&file).unwrap().contains(one.base()));
}

#[tokio::test]
async fn key_of_a_context_is_sent_to_no_other_url() {
    let gateway = Setup::embedded().start();
    let user = User::new();
    std::fs::write(user.path("key"), OPERATOR_KEY).unwrap();
    let key = user.path("key");
    let add = [
        "context",
        "add",
        "own",
        "--url",
        gateway.base(),
        "--key-file",
        key.to_str().unwrap(),
    ];
    user.ok(&add).await;
    user.ok(&["tenant", "list", "--url", &format!("{}/", gateway.base())])
        .await;

    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    other.set_nonblocking(true).unwrap();
    let url = format!("http://{}", other.local_addr().unwrap());
    for command in [
        ["tenant", "list"],
        ["subscription", "list"],
        ["keys", "list"],
        ["plugin", "list"],
    ] {
        let refused = user.fails(2, &[command[0], command[1], "--url", &url]).await;
        assert!(refused.contains("is for another URL"), "{refused}");
    }
    assert!(other.accept().is_err(), "nothing was sent there");
}

#[tokio::test]
async fn contexts_that_others_can_read_are_refused() {
    let user = User::new();
    std::fs::write(user.path("key"), "hg_secret_of_a_context").unwrap();
    let key = user.path("key");
    user.ok(&["context", "add", "own", "--key-file", key.to_str().unwrap()])
        .await;
    let file = user.path("hookgate/contexts.toml");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let refused = user.fails(2, &["context", "list"]).await;
    assert!(refused.contains("chmod 600"), "{refused}");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();

    // What is wrong in the file is told without its lines, which have keys.
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("key =", "keys =")).unwrap();
    let refused = user.fails(2, &["tenant", "list"]).await;
    assert!(
        refused.contains("keys") && !refused.contains("hg_secret"),
        "{refused}"
    );
    let words = user.path("words");
    std::fs::write(&words, "two words").unwrap();
    let refused = user
        .fails(
            2,
            &["context", "add", "own", "--key-file", words.to_str().unwrap()],
        )
        .await;
    assert!(refused.contains("one word"), "{refused}");
}
