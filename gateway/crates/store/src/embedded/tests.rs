//! Contract suite of the embedded store, and tests of its particular properties.

use async_trait::async_trait;

use super::*;
use crate::contract::{self, Settings, Subject, contract_suite};
use hookgate_runtime::clock::ManualClock;

struct OnDisk {
    store: Arc<dyn Store>,
    clock: ManualClock,
    _directory: tempfile::TempDir,
}

#[async_trait]
impl Subject for OnDisk {
    fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    async fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    fn stands_still(&self) -> bool {
        true
    }
}

async fn fresh(settings: Settings) -> OnDisk {
    let directory = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(Timestamp::from_millis(1_800_000_000_000));
    let store = Embedded::open(
        directory.path(),
        &Config::default(),
        settings.retention,
        Clock::Manual(clock.clone()),
    );
    OnDisk {
        store: Arc::new(store.unwrap()),
        clock,
        _directory: directory,
    }
}

contract_suite!(fresh);

mod crash;
mod damage;

#[tokio::test]
async fn a_file_opened_anew_is_what_was_committed() {
    let subject = fresh(Settings::default()).await;
    let acme = contract::tenant("acme");
    let directory = tempfile::tempdir().unwrap();
    let store = Embedded::open(
        directory.path(),
        &Config::default(),
        Retention::default(),
        Clock::Manual(subject.clock.clone()),
    )
    .unwrap();
    let both = contract::submission(&acme, &["e1", "e2"], &[contract::target(1)]);
    store.accept(vec![both]).await[0].clone().unwrap();
    let held = store.claim(Shard(0), 1, contract::LONG).await.unwrap().leased;

    // As the writer does after a failed commit.
    let before = std::mem::take(&mut *store.index());
    store.shared.file.reopen().unwrap();
    let pending = store
        .shared
        .file
        .snapshot()
        .unwrap()
        .pending(&Damage::default())
        .unwrap();
    *store.index() = Index::build(pending, &before);

    let others = store.claim(Shard(0), 10, contract::LONG).await.unwrap().leased;
    assert_eq!(others.len(), 1, "what is held stays held");
    let done = contract::settlement(&held[0], Some(contract::attempt(1, 200)), Next::Done);
    assert!(matches!(
        store.settle(vec![done]).await[0],
        Ok(Settled::Applied(None))
    ));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_again_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name| directory.path().join(name);
    let open = Embedded::open(
        &at("store"),
        &Config::default(),
        Retention::default(),
        Clock::System,
    );
    let store = open.unwrap();
    let transaction = store.shared.file.write(file::Sync::Now).unwrap();
    let mut tables = tables::Tables::of(&transaction);
    tables.usage.insert(&b"?"[..], &b"?"[..]).unwrap();
    drop(tables);
    transaction.commit().unwrap();
    // As after a failed commit: the file has to be reopened.
    std::fs::rename(at("store"), at("away")).unwrap();
    store.shared.file.reopen().unwrap_err();
    std::fs::rename(at("away"), at("store")).unwrap();

    let acme = contract::tenant("acme");
    for id in ["e1", "e2"] {
        let one = contract::submission(&acme, &[id], &[contract::target(1)]);
        let answers = store.accept(vec![one]).await;
        assert!(
            matches!(answers[0], Err(StoreError::Unavailable(_))),
            "{id}: {answers:?}"
        );
        // The writer may be checking the file once more at this moment.
        let given_up = async {
            while store.health().await.available {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), given_up)
            .await
            .expect("the file is left alone");
    }
}

#[tokio::test]
async fn more_than_may_be_pending_is_refused_and_the_rest_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config {
        max_pending: 2,
        ..Config::default()
    };
    let store = Embedded::open(directory.path(), &config, Retention::default(), Clock::System).unwrap();
    let acme = contract::tenant("acme");
    let one = |id| contract::submission(&acme, &[id], &[contract::target(1), contract::target(2)]);
    let answers = store.accept(vec![one("e1"), one("e2")]).await;
    assert!(answers[0].is_ok());
    assert!(matches!(answers[1], Err(StoreError::Full(_))));
    assert!(!store.health().await.accepting);

    for leased in store.claim(Shard(0), 2, contract::LONG).await.unwrap().leased {
        let done = contract::settlement(&leased, None, Next::Done);
        assert!(store.settle(vec![done]).await[0].is_ok());
    }
    assert!(store.health().await.accepting);
    assert!(store.accept(vec![one("e2")]).await[0].is_ok());
}

#[tokio::test]
async fn a_disk_without_room_refuses_new_events_only() {
    let directory = tempfile::tempdir().unwrap();
    let open = |config: &Config| {
        Embedded::open(directory.path(), config, Retention::default(), Clock::System).unwrap()
    };
    let acme = contract::tenant("acme");
    let one = |id| contract::submission(&acme, &[id], &[contract::target(1)]);
    let store = open(&Config::default());
    store.accept(vec![one("e1")]).await[0].clone().unwrap();
    drop(store);

    let store = open(&Config {
        min_free_disk: hookgate_domain::units::Size::from_bytes(u64::MAX),
        ..Config::default()
    });
    let refused = store.accept(vec![one("e2")]).await;
    assert!(matches!(refused[0], Err(StoreError::Full(_))), "{refused:?}");
    let leased = store.claim(Shard(0), 2, contract::LONG).await.unwrap().leased;
    let done = contract::settlement(&leased[0], None, Next::Done);
    assert!(store.settle(vec![done]).await[0].is_ok(), "it still drains");
    assert!(!store.health().await.accepting);
}

#[tokio::test]
async fn usage_is_counted_at_the_opening_of_an_older_file() {
    let directory = tempfile::tempdir().unwrap();
    let open = || {
        Embedded::open(
            directory.path(),
            &Config::default(),
            Retention::default(),
            Clock::System,
        )
    };
    let acme = contract::tenant("acme");
    let store = open().unwrap();
    let both = contract::submission(&acme, &["e1", "e2"], &[contract::target(1)]);
    store.accept(vec![both]).await[0].clone().unwrap();
    let used = store.shared.usage(&acme);
    assert_eq!(used.pending_deliveries, 2);
    assert!(used.stored_bytes > 0);
    // As a version without counts would have left it.
    let transaction = store.shared.file.write(file::Sync::Now).unwrap();
    let mut tables = tables::Tables::of(&transaction);
    tables.usage.remove(&b"acme"[..]).unwrap();
    tables.meta.remove(&b"usage"[..]).unwrap();
    drop(tables);
    transaction.commit().unwrap();
    drop(store);
    assert_eq!(open().unwrap().shared.usage(&acme), used);
}
