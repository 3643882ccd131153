//! Opens the store of an address.

use std::sync::Arc;

use super::embedded::Embedded;
use super::redis::RedisStore;
use super::{Config, Retention, Store, StoreError, StoreUrl};
use hookgate_runtime::clock::Clock;

/// Opens the store at an address. Redis has a clock; the embedded store uses the given one.
///
/// # Errors
/// `Unavailable` if there is no answer from the address, `Unusable` if the store there must not be
/// used in its state; both name it, without a password.
pub async fn open(
    url: &StoreUrl,
    config: &Config,
    retention: &Retention,
    clock: Clock,
) -> Result<Arc<dyn Store>, StoreError> {
    match url {
        StoreUrl::Embedded(directory) => {
            let (directory, config, retention) =
                (directory.clone(), config.embedded.clone(), retention.clone());
            let opening = move || Embedded::open(&directory, &config, retention, clock);
            let opened = tokio::task::spawn_blocking(opening).await;
            let store = opened.map_err(|error| StoreError::Unusable(format!("{url}: {error}")))??;
            Ok(Arc::new(store))
        }
        StoreUrl::Redis(_) | StoreUrl::Cluster(_) => {
            Ok(Arc::new(RedisStore::open(url, &config.redis, retention).await?))
        }
    }
}
