//! `hookgate listen` with a subscription of its own and an application behind it.

use hookgate_tests::{Receiver, Reply, Setup, eventually};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{Running, User};

fn listening(user: &User, arguments: &[&str]) -> Running {
    user.start(&[&["listen", "--port", "0"], arguments].concat())
}

async fn subscriptions(acme: &hookgate_tests::Client) -> Vec<Value> {
    let listed = acme.get("/v1/subscriptions").await.expect(200);
    listed["data"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listen_command_subscribes_forwards_and_sends_again() {
    let gateway = Setup::embedded().with("retry.attempts = 1").start();
    let acme = gateway.tenant("acme").await;
    let application = Receiver::start(vec![Reply::Status(500)]).await;
    let user = User::of(&gateway, acme.key());
    let forward = application.url();
    let arguments = [
        "--subscribe",
        "order.*",
        "--forward",
        &forward,
        "--keep",
        "2",
        "--json",
    ];
    let mut listening = listening(&user, &arguments);
    let subscribed = eventually("it has subscribed", async || subscriptions(&acme).await.pop()).await;
    assert_eq!(
        json!([subscribed["events"], subscribed["description"]]),
        json!([["order.*"], "hookgate listen"])
    );

    acme.publish("other.thing", json!({})).await;
    let id = acme.publish("order.made", json!({ "total": 1 })).await;
    let first = listening.json().await;
    assert_eq!(
        json!([
            first["number"],
            first["id"],
            first["answered"],
            first["body"]["type"]
        ]),
        json!([1, id, 500, "order.made"])
    );
    // The application got the same bytes with the headers of the signature.
    let passed = application.wait_for(1).await.remove(0);
    assert!(!passed.header("webhook-signature").is_empty() && passed.id() == id);
    assert_eq!(passed.path, "/hook");

    acme.publish("order.made", json!({ "total": 2 })).await;
    let second = listening.json().await;
    assert_eq!(
        (&second["answered"], &second["signature"]),
        (&json!(200), &json!("genuine"))
    );
    listening.types("resend 1");
    let again = listening.json().await;
    assert_eq!(again, json!({ "resent": 1, "answered": 200 }));
    let received = application.wait_for(3).await;
    assert_eq!((received[2].id(), &received[2].body), (id.as_str(), &passed.body));

    // The oldest is evicted: two are kept.
    acme.publish("order.made", json!({ "total": 3 })).await;
    listening.json().await;
    listening.types("r 1");
    listening.types("r 3");
    let again = listening.json().await;
    assert_eq!(again["resent"], json!(3), "there is no delivery 1 any more");

    listening.signal(Signal::TERM);
    let done = listening.ended().await;
    assert_eq!(done.code, Some(0), "{}", done.errors);
    assert!(done.errors.contains("there is no delivery 1"), "{}", done.errors);
    assert_eq!(
        subscriptions(&acme).await,
        Vec::<Value>::new(),
        "it has unsubscribed"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listen_command_answers_for_an_application_that_is_away() {
    let gateway = Setup::embedded().with("retry.attempts = 1").start();
    let acme = gateway.tenant("acme").await;
    let user = User::of(&gateway, acme.key());
    let away = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", away.local_addr().unwrap());
    drop(away);
    let mut listening = listening(&user, &["--subscribe", "--forward", &url, "--json"]);
    eventually("it has subscribed", async || subscriptions(&acme).await.pop()).await;
    acme.publish("order.made", json!({})).await;
    let arrived = listening.json().await;
    assert_eq!(arrived["answered"], json!(502));
    assert!(
        arrived["failure"].as_str().unwrap().contains("cannot speak to"),
        "{arrived}"
    );
    listening.types("q");
    assert_eq!(listening.ended().await.code, Some(0));
    assert_eq!(subscriptions(&acme).await, Vec::<Value>::new());

    // Nothing is begun without a key, or with a wrong one.
    let none = User::new();
    let refused = none.fails(2, &["listen", "--port", "0", "--subscribe"]).await;
    assert!(refused.contains("no key is given"), "{refused}");
    let wrong = User::of(&gateway, "hg_wrong");
    assert!(
        wrong
            .fails(1, &["listen", "--port", "0", "--subscribe"])
            .await
            .contains("401")
    );
}
