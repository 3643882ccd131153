//! The feed and the tail, as they go on.

use std::io::{BufRead as _, BufReader};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hookgate_tests::{Setup, eventually};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::{User, ended, lines};

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

/// Reads a line of a process's output.
async fn line(child: &mut Child, lines: &mut Option<BufReader<std::process::ChildStdout>>) -> String {
    let mut reader = lines
        .take()
        .unwrap_or_else(|| BufReader::new(child.stdout.take().unwrap()));
    let (reader, text) = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        reader.read_line(&mut text).unwrap();
        (reader, text)
    })
    .await
    .unwrap();
    *lines = Some(reader);
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tail_command_resumes_where_a_connection_was_cut() {
    let gateway = Setup::embedded().start();
    let acme = gateway.tenant("acme").await;
    let way = Way::to(gateway.base()).await;
    let user = User::at(&way.url, acme.key());
    let mut tail = user.start(&["tail", "--events", "accepted", "--limit", "5", "--json"]);
    eventually("the tail is connected", async || {
        (way.connections.load(Ordering::SeqCst) == 1).then_some(())
    })
    .await;
    // The gateway may not have begun to watch: events are published until one is shown.
    let mut output = None;
    let publishing = acme.clone();
    let publisher = tokio::spawn(async move {
        loop {
            publishing.publish("warm.up", json!({})).await;
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    });
    let first = line(&mut tail, &mut output).await;
    publisher.abort();
    let _ = publisher.await;
    let first = lines(&first).remove(0);
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
        let text = line(&mut tail, &mut output).await;
        shown.extend(lines(&text));
    }
    assert!(
        way.connections.load(Ordering::SeqCst) > 1,
        "it has connected again"
    );
    assert!(ended(tail).await.errors.contains("opened again"));

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
async fn tail_command_shows_attempts_and_refusals() {
    let gateway = Setup::embedded().with("retry.attempts = 1").start();
    let acme = gateway.tenant("acme").await;
    acme.subscribe("http://127.0.0.1:9/").await;
    let user = User::of(&gateway, acme.key());
    let id = acme.publish("invoice.paid", json!({})).await;
    let attempt = eventually("it is dead", async || {
        let dead = user.json(&["delivery", "list", "--status", "dead"]).await;
        dead["data"].get(0).cloned()
    })
    .await;
    assert_eq!(attempt["event"], json!(id));
    // From the beginning: the id of a line before everything is that of an empty tenant's first.
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

    let mut following = user.start(&["feed", "--follow", "--types", "order.*", "--limit", "4", "--json"]);
    let mut output = None;
    for number in 0..3 {
        let shown = lines(&line(&mut following, &mut output).await).remove(0);
        assert_eq!(shown["data"]["number"], json!(number));
    }
    acme.publish("order.made", json!({ "number": 3 })).await;
    let shown = lines(&line(&mut following, &mut output).await).remove(0);
    assert_eq!(shown["data"]["number"], json!(3));
    assert_eq!(ended(following).await.code, Some(0));
}
