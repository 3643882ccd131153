//! The feed and the tail, as they go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hookgate_tests::{Setup, eventually};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::{User, lines};

/// Way to a gateway that can be cut.
struct Way {
    url: String,
    connections: Arc<AtomicUsize>,
    cut: watch::Sender<()>,
}

impl Way {
    async fn to(base: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let target = base.strip_prefix("http://").unwrap().to_owned();
        let connections = Arc::new(AtomicUsize::new(0));
        let (cut, watched) = watch::channel(());
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let mut gateway = TcpStream::connect(&target).await.unwrap();
                let mut watched = watched.clone();
                watched.mark_unchanged();
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut client, &mut gateway) => {}
                        _ = watched.changed() => {}
                    }
                });
            }
        });
        Self {
            url,
            connections,
            cut,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tail_command_resumes_where_a_connection_was_cut() {
    let gateway = Setup::embedded().start();
    let acme = gateway.tenant("acme").await;
    let way = Way::to(gateway.base()).await;
    let user = User::at(&way.url, acme.key());
    let tail = user.start(&["tail", "--events", "accepted", "--limit", "5", "--json"]);
    eventually("the tail is connected", async || {
        (way.connections.load(Ordering::SeqCst) == 1).then_some(())
    })
    .await;
    // The gateway may not have begun to watch: events are published until one is shown.
    let publishing = acme.clone();
    let publisher = tokio::spawn(async move {
        loop {
            publishing.publish("warm.up", json!({})).await;
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    });
    let first = tail.json().await;
    publisher.abort();
    let _ = publisher.await;
    assert_eq!(
        json!([first["line"], first["type"]]),
        json!(["accepted", "warm.up"])
    );
    let last = first["line_id"].as_str().unwrap().to_owned();

    // What comes while it is cut off is shown once it is back, and nothing twice.
    way.cut.send_replace(());
    for number in 0..5 {
        acme.publish("missed.one", json!({ "number": number })).await;
    }
    let mut shown = vec![first];
    while shown.len() < 5 {
        shown.push(tail.json().await);
    }
    assert!(
        way.connections.load(Ordering::SeqCst) > 1,
        "it has connected again"
    );
    assert!(tail.ended().await.errors.contains("opened again"));

    // The same lines as a client sees that begins after the first.
    let again = User::of(&gateway, acme.key());
    let arguments = [
        "tail",
        "--events",
        "accepted",
        "--last-event-id",
        &last,
        "--limit",
        "4",
        "--json",
    ];
    let again = lines(&again.ok(&arguments).await);
    assert_eq!(shown[1..], again[..]);
}

#[tokio::test]
async fn tail_command_is_refused_with_the_reason() {
    let gateway = Setup::embedded().start();
    let acme = gateway.tenant("acme").await;
    let user = User::of(&gateway, acme.key());
    let refused = user.fails(1, &["tail", "--last-event-id", "nonsense"]).await;
    assert!(refused.contains("cursor"), "{refused}");
    let wrong = User::of(&gateway, "hg_wrong");
    assert!(wrong.fails(1, &["tail"]).await.contains("401"));
    assert!(wrong.fails(1, &["feed", "--follow"]).await.contains("401"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn feed_command_follows_what_comes_later() {
    let gateway = Setup::embedded().start();
    let acme = gateway.tenant("acme").await;
    let user = User::of(&gateway, acme.key());
    for number in 0..3 {
        acme.publish("order.made", json!({ "number": number })).await;
        acme.publish("other.thing", json!({})).await;
    }
    let once = lines(&user.ok(&["feed", "--types", "order.*", "--json"]).await);
    assert_eq!(
        once.iter()
            .map(|event| event["data"]["number"].as_u64().unwrap())
            .collect::<Vec<_>>(),
        [0, 1, 2]
    );
    let part = user.run(&["feed", "--limit", "2"]).await;
    assert_eq!(part.out.lines().count(), 2);
    let cursor = part.errors.trim().rsplit(' ').next().unwrap().to_owned();
    let rest = lines(&user.ok(&["feed", "--cursor", &cursor, "--json"]).await);
    assert_eq!(rest.len(), 4);

    let following = user.start(&["feed", "--follow", "--types", "order.*", "--limit", "4", "--json"]);
    for number in 0..3 {
        let shown = following.json().await;
        assert_eq!(shown["data"]["number"], json!(number));
    }
    acme.publish("order.made", json!({ "number": 3 })).await;
    let shown = following.json().await;
    assert_eq!(shown["data"]["number"], json!(3));
    assert_eq!(following.ended().await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tail_command_shows_attempts_as_text() {
    let gateway = Setup::embedded().with("retry.attempts = 1").start();
    let acme = gateway.tenant("acme").await;
    acme.subscribe("http://127.0.0.1:9/").await;
    let user = User::of(&gateway, acme.key());
    let tail = user.start(&["tail", "--events", "dead", "--limit", "1"]);
    let publisher = tokio::spawn(async move {
        loop {
            acme.publish("invoice.paid", json!({})).await;
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    });
    let line = tail.line().await;
    publisher.abort();
    for words in ["dead", "invoice.paid", "attempt 1: unreachable", "dlv_evt_"] {
        assert!(line.contains(words), "`{words}` is missing: {line}");
    }
    assert_eq!(tail.ended().await.code, Some(0));
}
