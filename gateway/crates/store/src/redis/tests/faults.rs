//! Faults of servers and of the connection to them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::server::{self, Server};
use super::{Config, RedisStore, Span, open, patient};
use crate::contract::{LONG, attempt, settlement, submission, target, tenant};
use crate::{
    Accepted, FeedPosition, LeasePolicy, Leased, Next, Retention, Settled, Shard, Store, StoreError,
    StoreUrl, Submission,
};
use hookgate_domain::{DeliveryId, DeliveryState, EventId, StoredLimits, TenantId};

/// Maximum wait for a condition.
const BOUND: Duration = Duration::from_secs(120);

/// Events with new ids, which are accepted without a script.
fn new(tenant: &TenantId, ids: &[&str]) -> Submission {
    let mut submission = submission(tenant, ids, &[target(1)]);
    for event in &mut submission.events {
        event.id_given = false;
    }
    submission
}

async fn accept(store: &Arc<dyn Store>, submission: Submission) -> Result<Accepted, StoreError> {
    store.accept(vec![submission]).await.remove(0)
}

async fn claim_all(store: &Arc<dyn Store>) -> Vec<Leased> {
    let mut leased = Vec::new();
    for shard in 0..store.shards() {
        leased.extend(store.claim(Shard(shard), 10_000, LONG).await.unwrap().leased);
    }
    leased
}

/// Waits until the store's health has this availability.
async fn until_available(store: &Arc<dyn Store>, available: bool) {
    let began = Instant::now();
    while store.health().await.available != available {
        assert!(began.elapsed() < BOUND, "{:?}", store.health().await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn new_events_are_stored_held_and_due() {
    let server = Server::start("everysec").await;
    new_events(&open(&server).await).await;
}

/// Stores events for two tenants, due and held, and finds them where they have to be.
pub(super) async fn new_events(store: &Arc<dyn Store>) {
    let acme = tenant("acme");
    let mut held = new(&acme, &["held"]);
    held.lease = LeasePolicy::Hold(LONG);
    let answers = store
        .accept(vec![
            new(&acme, &["e1", "e2"]),
            held,
            new(&tenant("globex"), &["e1"]),
        ])
        .await;
    let tokens: Vec<_> = answers
        .into_iter()
        .map(|answer| match answer.unwrap() {
            Accepted::Stored { fresh, token } => (fresh, token),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(tokens[0], (vec![true, true], None));
    let token = tokens[1].1.expect("held");

    let mut due: Vec<(String, String)> = claim_all(store)
        .await
        .iter()
        .map(|leased| (leased.event.tenant.to_string(), leased.id.event.to_string()))
        .collect();
    due.sort();
    let pair = |tenant: &str, event: &str| (tenant.to_owned(), event.to_owned());
    assert_eq!(
        due,
        [pair("acme", "e1"), pair("acme", "e2"), pair("globex", "e1")]
    );

    let page = store.feed(&acme, FeedPosition::START, 10).await.unwrap();
    let ids: Vec<&str> = page.events.iter().map(|(_, event)| event.id.as_str()).collect();
    assert_eq!(ids, ["e1", "e2", "held"]);
    let mut done = settlement(&claimed(store, &acme, "held").await, None, Next::Done);
    done.token = token;
    let answers = store.settle(vec![done.clone(), done]).await;
    assert_eq!(answers[0].clone().unwrap(), Settled::Applied(None));
    assert_eq!(answers[1].clone().unwrap(), Settled::Missing);
}

/// Delivery of this event as if it were leased to the test; its token is invented.
async fn claimed(store: &Arc<dyn Store>, tenant: &TenantId, event: &str) -> Leased {
    let id: EventId = event.parse().unwrap();
    let stored = store.event(tenant, &id).await.unwrap().unwrap();
    Leased {
        event: Arc::new(stored.event),
        id: DeliveryId {
            event: id,
            target: target(1),
            run: 0,
        },
        trigger: stored.deliveries[0].trigger,
        token: crate::Token(hookgate_domain::Timestamp::default()),
        attempts: 0,
        first_attempt: None,
        crashes: 0,
        body: None,
    }
}

#[tokio::test]
async fn forgotten_scripts_do_no_harm() {
    let server = Server::start("everysec").await;
    let (store, acme) = (open(&server).await, tenant("acme"));
    let flush = async || {
        server.command(&["SCRIPT", "FLUSH"]).await;
    };
    flush().await;
    let both = vec![
        submission(&acme, &["e1"], &[target(1)]),
        submission(&acme, &["e2"], &[target(1)]),
    ];
    for answer in store.accept(both).await {
        assert_eq!(answer.unwrap(), crate::contract::stored(&[true]));
    }
    flush().await;
    let leased = claim_all(&store).await;
    assert_eq!(leased.len(), 2);
    flush().await;
    let settled = store
        .settle(vec![
            settlement(&leased[0], Some(attempt(1, 200)), Next::Done),
            settlement(&leased[1], Some(attempt(1, 500)), Next::Dead),
        ])
        .await;
    assert!(
        settled
            .iter()
            .all(|settled| matches!(settled, Ok(Settled::Applied(None))))
    );
    flush().await;
    let again = DeliveryId {
        run: 7,
        ..leased[1].id.clone()
    };
    let replay = vec![(again, hookgate_domain::Trigger::Replay)];
    assert_eq!(
        store
            .enqueue(&acme, replay, StoredLimits::default())
            .await
            .unwrap(),
        1
    );
    flush().await;
    let change = vec![("a".to_owned(), Some(bytes::Bytes::from_static(b"b")))];
    store.registry_apply(&acme, 0, change).await.unwrap();
    flush().await;
    store.sweep().await.unwrap();
}

/// A server killed during accepts and started again has all that was answered.
/// It runs with `appendfsync always`.
#[tokio::test]
async fn a_killed_server_loses_nothing_and_is_found_again() {
    let mut server = Server::start("always").await;
    let (store, acme) = (open(&server).await, tenant("acme"));
    let accepting = tokio::spawn({
        let (store, acme) = (store.clone(), acme.clone());
        async move {
            let mut confirmed = Vec::new();
            for batch in 0.. {
                let ids: Vec<String> = (0..20).map(|n| format!("e{batch}-{n}")).collect();
                let batch = ids.iter().map(|id| new(&acme, &[id])).collect();
                let answers = store.accept(batch).await;
                let lost = answers.iter().any(Result::is_err);
                confirmed.extend(
                    ids.into_iter()
                        .zip(answers)
                        .filter_map(|(id, answer)| answer.ok().map(|_| id)),
                );
                if lost {
                    break;
                }
            }
            confirmed
        }
    });
    let began = Instant::now();
    while server.length(&acme).await < 1_000 {
        assert!(began.elapsed() < BOUND);
    }
    server.kill();
    let confirmed = accepting.await.unwrap();
    assert!(confirmed.len() >= 1_000, "{}", confirmed.len());
    until_available(&store, false).await;
    let refused = accept(&store, new(&acme, &["while-away"])).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));

    server.restart().await;
    until_available(&store, true).await;
    let waiting: std::collections::HashSet<String> = claim_all(&store)
        .await
        .into_iter()
        .map(|leased| leased.id.event.to_string())
        .collect();
    let lost: Vec<&String> = confirmed.iter().filter(|id| !waiting.contains(*id)).collect();
    assert_eq!(lost, Vec::<&String>::new());
    let health = store.health().await;
    assert!(
        !health.warnings.iter().any(|warning| warning.contains("lost")),
        "{health:?}"
    );
    accept(&store, new(&acme, &["afterwards"])).await.unwrap();
}

/// A suspended server delays no producer, and is used again without intervention when it resumes.
#[tokio::test]
async fn a_server_that_hangs_is_told_quickly_and_found_again() {
    let server = Server::start("everysec").await;
    let config = Config {
        response_timeout: Span::from_secs(1),
        connect_timeout: Span::from_secs(1),
        check_every: Span::from_secs(1),
        ..Config::default()
    };
    let store = RedisStore::open(&server.url(), &config, &Retention::default())
        .await
        .unwrap();
    let (store, acme): (Arc<dyn Store>, _) = (Arc::new(store), tenant("acme"));
    server.signal(Signal::STOP);
    let refused = accept(&store, new(&acme, &["e1"])).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    until_available(&store, false).await;
    server.signal(Signal::CONT);
    until_available(&store, true).await;
    while accept(&store, new(&acme, &["e2"])).await.is_err() {}
}

#[tokio::test]
async fn a_full_server_refuses_new_events_and_drains() {
    let server = Server::start("everysec").await;
    let (store, acme) = (open(&server).await, tenant("acme"));
    accept(&store, new(&acme, &["e1", "e2"])).await.unwrap();
    server.command(&["CONFIG", "SET", "maxmemory", "1"]).await;
    for refused in [
        accept(&store, new(&acme, &["e3"])).await,
        accept(&store, submission(&acme, &["e4"], &[target(1)])).await,
    ] {
        assert!(matches!(refused, Err(StoreError::Full(_))), "{refused:?}");
    }
    let leased = claim_all(&store).await;
    assert_eq!(leased.len(), 2, "nothing of what was refused was stored");
    let retry = Next::RetryAt {
        at: leased[1].token.0.plus(LONG),
        body: Some(bytes::Bytes::from_static(b"{}")),
    };
    let settled = store
        .settle(vec![
            settlement(&leased[0], Some(attempt(1, 200)), Next::Done),
            settlement(&leased[1], Some(attempt(1, 500)), retry),
        ])
        .await;
    assert!(
        settled
            .iter()
            .all(|settled| matches!(settled, Ok(Settled::Applied(None))))
    );
    let page = store.feed(&acme, FeedPosition::START, 10).await.unwrap();
    assert_eq!(page.events.len(), 2);
    let (delivery, attempts) = store.delivery(&acme, &leased[0].id).await.unwrap().unwrap();
    assert!(matches!(delivery.state, DeliveryState::Delivered { .. }));
    assert_eq!(attempts.len(), 1);
    assert_eq!(store.registry_load(&acme).await.unwrap(), None);
    store.registry_changes(0).await.unwrap();
    store.sweep().await.unwrap();

    server.command(&["CONFIG", "SET", "maxmemory", "0"]).await;
    accept(&store, new(&acme, &["e3"])).await.unwrap();
}

#[tokio::test]
async fn a_server_that_becomes_a_replica_is_not_written_to() {
    let server = Server::start("everysec").await;
    let (store, acme) = (open(&server).await, tenant("acme"));
    server.command(&["REPLICAOF", "127.0.0.1", "1"]).await;
    let refused = accept(&store, new(&acme, &["e1"])).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    until_available(&store, false).await;
    server.command(&["REPLICAOF", "NO", "ONE"]).await;
    until_available(&store, true).await;
    accept(&store, new(&acme, &["e1"])).await.unwrap();
}

#[tokio::test]
async fn an_emptied_server_is_reported_and_used_on() {
    let server = Server::start("everysec").await;
    let config = Config {
        check_every: Span::from_millis(20),
        ..patient()
    };
    let store = RedisStore::open(&server.url(), &config, &Retention::default())
        .await
        .unwrap();
    let (store, acme): (Arc<dyn Store>, _) = (Arc::new(store), tenant("acme"));
    accept(&store, new(&acme, &["e1", "e2", "e3"])).await.unwrap();
    let leased = claim_all(&store).await;
    server.command(&["FLUSHALL"]).await;
    let began = Instant::now();
    let told = |warnings: &[String]| {
        warnings
            .iter()
            .any(|warning| warning.contains("has lost 3 events"))
    };
    while !told(&store.health().await.warnings) {
        assert!(began.elapsed() < BOUND, "{:?}", store.health().await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let late = settlement(&leased[0], Some(attempt(1, 200)), Next::Done);
    assert_eq!(
        store.settle(vec![late]).await.remove(0).unwrap(),
        Settled::Missing
    );
    accept(&store, new(&acme, &["e4"])).await.unwrap();
    assert_eq!(claim_all(&store).await.len(), 1);
}

#[tokio::test]
async fn a_delivery_without_its_event_is_dropped() {
    let server = Server::start("everysec").await;
    let (store, acme) = (open(&server).await, tenant("acme"));
    accept(&store, new(&acme, &["e1", "e2"])).await.unwrap();
    let key = super::Keys::new("hg").event(&acme, &"e1".parse().unwrap());
    server.command(&["DEL", &key]).await;
    let leased = claim_all(&store).await;
    assert_eq!(leased.len(), 1);
    let mut gone = settlement(&leased[0], Some(attempt(1, 200)), Next::Done);
    gone.id.event = "e1".parse().unwrap();
    assert_eq!(
        store.settle(vec![gone]).await.remove(0).unwrap(),
        Settled::Missing
    );
    assert_eq!(
        server.command(&["EXISTS", &key]).await,
        redis::Value::Int(0),
        "it does not come back empty"
    );
}

#[tokio::test]
async fn what_cannot_be_opened_is_said_with_its_address() {
    let refused = |error: &StoreError, words: &[&str]| {
        let text = error.to_string();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    };
    let open = async |url: &StoreUrl, config: &Config| {
        let opened = RedisStore::open(url, config, &Retention::default()).await;
        opened.err().expect("it does not open")
    };
    let nobody: StoreUrl = "redis://:hunter2@127.0.0.1:1".parse().unwrap();
    let error = open(&nobody, &Config::default()).await;
    assert!(matches!(error, StoreError::Unavailable(_)));
    refused(&error, &["redis://127.0.0.1:1", "refused"]);

    let server = Server::start("everysec").await;
    server
        .command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"])
        .await;
    let error = open(&server.url(), &Config::default()).await;
    assert!(matches!(error, StoreError::Unusable(_)));
    refused(&error, &["redis://127.0.0.1:", "noeviction"]);

    server
        .command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"])
        .await;
    server
        .command(&["HSET", &super::Keys::new("hg").meta(), "shards", "8"])
        .await;
    let error = open(&server.url(), &Config::default()).await;
    assert!(matches!(error, StoreError::Unusable(_)));
    refused(&error, &["shards is 8, not 16"]);

    let bad = Config {
        prefix: "a}b".to_owned(),
        ..Config::default()
    };
    let error = open(&server.url(), &bad).await;
    refused(&error, &["store.redis.prefix"]);
}

#[tokio::test]
async fn weak_durability_is_told() {
    let server = Server::start("everysec").await;
    let store = open(&server).await;
    let health = store.health().await;
    assert!(health.available && health.accepting);
    assert_eq!(health.warnings.len(), 1, "{health:?}");
    assert!(health.warnings[0].contains("everysec"));
    let server = Server::start("always").await;
    assert_eq!(open(&server).await.health().await.warnings, Vec::<String>::new());
}

#[tokio::test]
async fn a_nearly_full_server_takes_no_new_events() {
    let server = Server::start("everysec").await;
    let config = Config {
        check_every: Span::from_millis(20),
        full_at: 1,
        ..patient()
    };
    let store = RedisStore::open(&server.url(), &config, &Retention::default())
        .await
        .unwrap();
    let (store, acme): (Arc<dyn Store>, _) = (Arc::new(store), tenant("acme"));
    for (maxmemory, accepting) in [("32mb", false), ("0", true)] {
        server.command(&["CONFIG", "SET", "maxmemory", maxmemory]).await;
        let began = Instant::now();
        while store.health().await.accepting != accepting {
            assert!(began.elapsed() < BOUND, "{:?}", store.health().await);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let full = matches!(
            accept(&store, new(&acme, &["e1"])).await,
            Err(StoreError::Full(_))
        );
        assert_eq!(full, !accepting);
    }
}

#[tokio::test]
async fn a_connection_over_tls_trusts_the_given_authority_only() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(path("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let port = server::free_port().to_string();
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let tls = [
        "--tls-port",
        &port,
        "--tls-cert-file",
        &cert,
        "--tls-key-file",
        &key,
        "--tls-auth-clients",
        "no",
    ];
    let _server = Server::start_with("everysec", &tls).await;
    let url: StoreUrl = format!("rediss://localhost:{port}").parse().unwrap();

    let trusting = Config {
        tls_ca: Some(cert.clone().into()),
        ..patient()
    };
    let store = RedisStore::open(&url, &trusting, &Retention::default())
        .await
        .unwrap();
    let store: Arc<dyn Store> = Arc::new(store);
    accept(&store, new(&tenant("acme"), &["e1"])).await.unwrap();
    let error = RedisStore::open(&url, &Config::default(), &Retention::default())
        .await
        .err();
    assert!(matches!(error, Some(StoreError::Unavailable(_))), "{error:?}");
}
