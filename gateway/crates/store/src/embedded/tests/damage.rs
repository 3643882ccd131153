//! Damage at many places of a file whose pages are not checked when it is opened: what is read is what was written, or it is told.

use std::collections::HashMap;
use std::path::Path;

use super::super::{Config, Embedded, FILE};
use crate::{Retention, Shard, Store, StoreError, contract};
use hookgate_domain::units::Size;
use hookgate_runtime::clock::Clock;

const PAGE: usize = 4096;

/// Events that are pending, with their data.
async fn filled(directory: &Path) -> HashMap<String, Vec<u8>> {
    let store = open(directory).unwrap();
    let mut all = HashMap::new();
    for (n, tenant) in ["acme", "globex"].into_iter().cycle().take(120).enumerate() {
        let id = format!("event-{n}");
        let one = contract::submission(&contract::tenant(tenant), &[&id], &[contract::target(1)]);
        all.insert(id, one.events[0].event.data.to_vec());
        store.accept(vec![one]).await.remove(0).unwrap();
    }
    all
}

fn open(directory: &Path) -> Result<Embedded, StoreError> {
    let unchecked = Config {
        check_at_start: Size::from_bytes(0),
        ..Config::default()
    };
    Embedded::open(directory, &unchecked, Retention::default(), Clock::System)
}

/// Outcome of opening a damaged file.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Told {
    /// All pending deliveries can be made.
    Whole,
    /// The file is not opened.
    Refused,
    /// Some deliveries can be made, and the health reports the damage.
    Counted,
}

#[tokio::test]
async fn damage_is_never_silent() {
    let directory = tempfile::tempdir().unwrap();
    let all = filled(&directory.path().join("whole")).await;
    let whole = std::fs::read(directory.path().join("whole").join(FILE)).unwrap();
    let used =
        (0..whole.len() / PAGE).filter(|page| whole[page * PAGE..][..PAGE].iter().any(|byte| *byte != 0));
    let used: Vec<usize> = used.collect();
    let mut told: HashMap<Told, usize> = HashMap::new();
    for page in used.iter().step_by((used.len() / 40).max(1)) {
        for place in [None, Some(2), Some(60), Some(700), Some(3_000)] {
            let mut bytes = whole.clone();
            let page = &mut bytes[page * PAGE..][..PAGE];
            match place {
                None => page.fill(0),
                Some(at) => page[at] ^= 0x11,
            }
            let copy = tempfile::tempdir().unwrap();
            std::fs::write(copy.path().join(FILE), &bytes).unwrap();
            *told.entry(outcome(copy.path(), &all).await).or_default() += 1;
        }
    }
    assert!(
        told.contains_key(&Told::Refused) && told.contains_key(&Told::Counted),
        "{told:?}"
    );
}

async fn outcome(directory: &Path, all: &HashMap<String, Vec<u8>>) -> Told {
    let store = match open(directory) {
        Ok(store) => store,
        Err(StoreError::Corrupt(_) | StoreError::Unusable(_)) => return Told::Refused,
        Err(error) => panic!("{error}"),
    };
    let mut came = 0;
    while let Ok(claimed) = store.claim(Shard(0), 50, contract::LONG).await {
        if claimed.leased.is_empty() {
            break;
        }
        for one in claimed.leased {
            let sent = all.get(one.event.id.as_str()).map(Vec::as_slice);
            assert_eq!(sent, Some(&one.event.data[..]), "{}", one.event.id);
            came += 1;
        }
    }
    let health = store.health().await;
    if health.damaged_records > 0 || health.unfit.is_some() {
        return Told::Counted;
    }
    assert_eq!(came, all.len(), "{health:?}");
    Told::Whole
}

proptest::proptest! {
    /// Whatever a row has become, reading it is an answer.
    #[test]
    fn any_row_is_read_or_refused(key: Vec<u8>, row: Vec<u8>, tenant in "[a-z]{1,8}", marked: bool) {
        let named = [tenant.as_bytes(), &[0], &key].concat();
        let mut row = row;
        if marked && let Some(first) = row.first_mut() {
            *first |= 0x80;
        }
        for definition in super::super::tables::ALL {
            for key in [&key, &named] {
                let _ = super::super::inspect::sound(definition, key, &row);
                // With a checksum that fits it is read further.
                let _ = super::super::inspect::sound(definition, key, &super::super::row_checksum::with_checksum(key, row.clone()));
                let _ = super::super::inspect::sound(definition, key, &super::super::row_checksum::with_checksum(b"", row.clone()));
            }
        }
    }
}
