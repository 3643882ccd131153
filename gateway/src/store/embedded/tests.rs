use async_trait::async_trait;

use super::*;
use crate::clock::ManualClock;
use crate::store::contract::{self, Settings, Subject, contract_suite};

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
