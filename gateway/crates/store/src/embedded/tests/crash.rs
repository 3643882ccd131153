//! Durability after a process is killed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use super::*;
use crate::contract::{LONG, attempt, delivery_id, submission, target, tenant};
use crate::{LeasePolicy, Next};
use hookgate_domain::Target;

/// Environment variable with the store's directory of the child that is killed.
const DIRECTORY: &str = "HOOKGATE_TEST_CRASH_DIRECTORY";

fn open(directory: &Path) -> Result<Embedded, StoreError> {
    Embedded::open(directory, &Config::default(), Retention::default(), Clock::System)
}

fn held(id: &str, targets: &[Target]) -> Submission {
    Submission {
        lease: LeasePolicy::Hold(LONG),
        ..submission(&tenant("acme"), &[id], targets)
    }
}

/// Stores one event; settles it if its number is even.
async fn accept_and_settle(store: &Embedded, number: usize) {
    let id = format!("e{number}");
    let stored = store.accept(vec![held(&id, &[target(1)])]).await;
    let Ok(Accepted::Stored {
        token: Some(token), ..
    }) = stored[0]
    else {
        panic!("not stored: {stored:?}")
    };
    println!("accepted {id}");
    if number.is_multiple_of(2) {
        let done = Settlement {
            tenant: tenant("acme"),
            id: delivery_id(&id, target(1)),
            token,
            attempt: Some(attempt(1, 200)),
            about: None,
            tally: None,
            next: Next::Done,
        };
        let settled = store.settle(vec![done]).await;
        assert!(matches!(settled[0], Ok(Settled::Applied(None))), "{settled:?}");
        println!("settled {id}");
    }
}

/// Work of the child process, until it is killed.
async fn work_until_killed(directory: &Path) {
    let store = open(directory).unwrap();
    for round in 0.. {
        let eight = (0..8).map(|n| accept_and_settle(&store, round * 8 + n));
        futures_util::future::join_all(eight).await;
    }
}

/// Output of the child before it was killed during its work.
fn killed_child(directory: &Path) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "embedded::tests::crash::a_killed_process_loses_nothing_it_answered_for",
            "--nocapture",
        ])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said: Vec<String> = lines.by_ref().take(300).map(Result::unwrap).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    // Lines left in the pipe were answered too; the last line may be incomplete.
    said.extend(lines.map_while(Result::ok));
    said
}

#[tokio::test]
async fn a_killed_process_loses_nothing_it_answered_for() {
    // The test starts itself again, with this variable set, as the process that it kills.
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        return work_until_killed(directory.as_ref()).await;
    }
    let directory = tempfile::tempdir().unwrap();
    let said = killed_child(directory.path());
    let store = open(directory.path()).unwrap();
    let acme = tenant("acme");

    let mut accepted = 0;
    for line in &said {
        let Some((what, id)) = line.split_once(' ') else {
            continue;
        };
        let Ok((delivery, attempts)) = (match what {
            "accepted" | "settled" => store
                .delivery(&acme, &delivery_id(id, target(1)))
                .await
                .unwrap()
                .ok_or(()),
            _ => continue,
        }) else {
            panic!("{line} was answered and is not there")
        };
        if what == "settled" {
            assert!(
                matches!(delivery.state, DeliveryState::Delivered { .. }),
                "{line}"
            );
            assert_eq!(attempts.len(), 1, "{line}");
        }
        accepted += usize::from(what == "accepted");
    }
    assert!(accepted > 100, "the child did work: {said:?}");

    // The child's leases ended with it: its deliveries are due at once, the finished ones are not.
    let claimed = store.claim(Shard(0), 10_000, LONG).await.unwrap().leased;
    for line in said.iter().filter_map(|line| line.strip_prefix("settled ")) {
        assert!(claimed.iter().all(|l| l.id.event.as_str() != line), "{line}");
    }
    let odd = said
        .iter()
        .filter_map(|line| line.strip_prefix("accepted e"))
        .filter(|n| n.ends_with(['1', '3', '5', '7', '9']));
    for number in odd {
        let id = format!("e{number}");
        assert!(claimed.iter().any(|l| l.id.event.as_str() == id), "{id}");
    }
}

#[tokio::test]
async fn a_copy_of_the_open_file_has_all_that_was_answered() {
    let (original, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(original.path()).unwrap();
    for number in 0..20 {
        accept_and_settle(&store, number).await;
    }
    let name = "hookgate.redb";
    std::fs::copy(original.path().join(name), copy.path().join(name)).unwrap();
    let copied = open(copy.path()).unwrap();
    assert_eq!(copied.index().len(), 10);
    assert_eq!(copied.claim(Shard(0), 100, LONG).await.unwrap().leased.len(), 10);
    let page = copied
        .feed(&tenant("acme"), FeedPosition::START, 100)
        .await
        .unwrap();
    assert_eq!(page.events.len(), 20);
    // And the sequence continues after the stored events.
    accept_and_settle(&copied, 99).await;
    let page = copied
        .feed(&tenant("acme"), page.events[19].0, 100)
        .await
        .unwrap();
    assert_eq!(page.events.len(), 1);
}

#[tokio::test]
async fn a_directory_has_one_process() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(directory.path()).unwrap();
    let Err(StoreError::Unusable(reason)) = open(directory.path()).map(|_| ()) else {
        panic!("opened twice")
    };
    let holder = format!("process {}", std::process::id());
    assert!(reason.contains(&holder), "{reason}");
    drop(first);
    open(directory.path()).unwrap();
}

#[tokio::test]
async fn a_clean_end_keeps_unsynced_commits() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config {
        sync_every: hookgate_domain::units::Span::from_secs(3600),
        ..Config::default()
    };
    let open = || Embedded::open(directory.path(), &config, Retention::default(), Clock::System).unwrap();
    let store = open();
    assert!(!store.health().await.warnings.is_empty(), "it says so");
    accept_and_settle(&store, 1).await;
    drop(store);
    assert_eq!(open().index().len(), 1);
}
