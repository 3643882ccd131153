//! The store that the data directory knows, and its backups.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::secrets::Secrets;
use super::{Common, StartError};
use crate::backup::{self, Backups};
use crate::config::Config;
use crate::keyring::{Expected, KnownStore, Root};
use crate::scheduler::Journal;
use crate::ui::{Sessions, TokenKey};
use hookgate_runtime::clock::Clock;
use hookgate_runtime::tasks::Tasks;
use hookgate_runtime::telemetry::Metrics;
use hookgate_store::{self as store, Store, StoreUrl};

/// Creates the backups of the store, in the data directory if the configuration names no other.
pub(super) fn backups(
    config: &Config,
    store: &Arc<dyn Store>,
    clock: &Clock,
    tasks: &Tasks,
    (shutdown, metrics): (&CancellationToken, &Metrics),
) -> Backups {
    let parts = backup::Parts {
        store: Arc::clone(store),
        store_file: match config.store_url() {
            StoreUrl::Embedded(directory) => Some(directory.join(store::embedded::FILE)),
            StoreUrl::Redis(_) | StoreUrl::Cluster(_) => None,
        },
        directory: config.data_dir.join("backups"),
        clock: clock.clone(),
        tasks: tasks.clone(),
        shutdown: shutdown.clone(),
        metrics: metrics.clone(),
    };
    Backups::new(config.backup.clone(), parts)
}

/// Opens the store's root, and checks that the store is the one that its address had before.
///
/// `store.accept_new` accepts any store.
pub(super) async fn open_root(
    config: &Config,
    secrets: &Secrets,
    common: &Common,
) -> Result<Root, StartError> {
    let known = KnownStore::new(&config.data_dir, &config.store_address());
    let identity = known.identity().map_err(StartError::KnownStores)?;
    let expected = match &identity {
        Some(identity) if !config.store.accept_new => Expected::Known(identity),
        Some(_) | None => Expected::Any,
    };
    let root = Root::open(common.store.as_ref(), &secrets.sealer, expected).await?;
    known.keep(&root.identity()).map_err(StartError::KnownStores)?;
    Ok(root)
}

/// Opens the journal of attempts in flight.
///
/// Without it deliveries continue, but an attempt that crashes the process is repeated.
pub(super) fn journal(config: &Config) -> Journal {
    let directory = config.data_dir.join("in-flight");
    Journal::open(&directory).unwrap_or_else(|error| {
        tracing::error!(%error, directory = %directory.display(), "in_flight_journal.not_opened");
        Journal::none()
    })
}

/// Sessions of the pages, in the store.
pub(super) fn sessions(config: &Config, root: &Root, common: &Common) -> Sessions {
    let clocks = (common.clock.clone(), common.store_clock.clone());
    let key = TokenKey::new(root.derive("session tokens"));
    Sessions::new(&common.store, clocks, key, &config.ui)
}
