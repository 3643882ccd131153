//! API keys of tenants.

use hookgate_tests::Setup;
use serde_json::json;

use super::User;

#[tokio::test]
async fn tenant_keys_are_created_listed_and_deleted() {
    let gateway = Setup::embedded().start();
    let acme = gateway.tenant("acme").await;
    let operator = User::operator(&gateway);
    let key = ["tenant", "key"];
    let create = [&key[..], &["create", "acme"]].concat();
    let made = operator
        .run(&[&create[..], &["--scopes", "publish,read", "--expires", "90d"]].concat())
        .await;
    assert_eq!(made.code, Some(0), "{}", made.errors);
    let new = made.out.trim();
    assert!(new.starts_with("hg_") && made.out.lines().count() == 1, "{new}");
    assert!(
        made.errors.contains("publish,read") && !made.errors.contains(new),
        "{}",
        made.errors
    );
    let limited = User::of(&gateway, new);
    limited.ok(&["event", "send", "a.b", "{}"]).await;
    let refused = limited.fails(1, &["chain", "set", "--empty"]).await;
    assert!(refused.contains("403"), "{refused}");

    let (subscription, _) = acme.subscribe("http://127.0.0.1:9/").await;
    let consumers = [
        "--scopes",
        "consumer",
        "--subscription",
        &subscription,
        "--digest",
        &"5e".repeat(32),
    ];
    let taken = operator.json(&[&create[..], &consumers].concat()).await;
    assert_eq!(
        json!([taken["key"], taken["scopes"], taken["subscription"]]),
        json!([null, ["consumer"], subscription])
    );

    let list = operator.ok(&["tenant", "key", "list", "acme"]).await;
    assert_eq!(list.lines().count(), 4, "{list}");
    assert!(
        list.contains("LAST USED") && list.contains(&subscription) && !list.contains(new),
        "{list}"
    );
    let listed = operator.json(&["tenant", "key", "list", "acme"]).await;
    let listed = listed["data"].as_array().unwrap();
    let one = listed.iter().find(|one| !one["expires"].is_null()).unwrap();
    let id = one["id"].as_str().unwrap();
    operator.ok(&["tenant", "key", "delete", "acme", id]).await;
    let refused = limited.fails(1, &["event", "send", "a.b", "{}"]).await;
    assert!(refused.contains("401"), "{refused}");
    let again = operator.fails(1, &["tenant", "key", "delete", "acme", id]).await;
    assert!(again.contains("404"), "{again}");

    let bad = operator
        .fails(2, &[&create[..], &["--expires", "later"]].concat())
        .await;
    assert!(bad.contains("90d"), "{bad}");
    let bad = operator
        .fails(1, &[&create[..], &["--scopes", "none"]].concat())
        .await;
    assert!(bad.contains("scopes"), "{bad}");
}
