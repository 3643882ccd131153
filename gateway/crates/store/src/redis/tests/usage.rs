//! Sums of tenants' usage, as an older version left them.

use std::time::Duration;

use super::server::Server;
use super::{Keys, open};
use crate::Store;
use crate::contract::{changed, submission, target, tenant};
use hookgate_domain::Fate;
use hookgate_domain::StoredUsage;

/// Waits until a tenant has this usage.
async fn uses(store: &dyn Store, name: &str, wanted: StoredUsage) {
    let tenant = tenant(name);
    let counted = async {
        while store.usage(&tenant, Duration::ZERO).await.unwrap() != wanted {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), counted).await;
    waited.unwrap_or_else(|_| panic!("{name} does not use {wanted:?}"));
}

#[tokio::test]
async fn usage_is_counted_anew_where_an_older_version_left_none_or_wrong_sums() {
    let server = Server::start("everysec").await;
    let (acme, other) = (tenant("acme"), tenant("other"));
    let (of_acme, of_other) = {
        let store = open(&server).await;
        let mut unlisted = submission(&acme, &["test"], &[target(3)]);
        changed(&mut unlisted, 0).fate = Fate::Test;
        let all = vec![
            submission(&acme, &["e1", "e2"], &[target(1), target(2)]),
            unlisted,
            submission(&other, &["e1"], &[target(1)]),
        ];
        for accepted in store.accept(all).await {
            accepted.unwrap();
        }
        let usage = async |tenant| store.usage(tenant, Duration::ZERO).await.unwrap();
        (usage(&acme).await, usage(&other).await)
    };
    assert_eq!((of_acme.pending_deliveries, of_other.pending_deliveries), (5, 1));
    let keys = Keys::new(&super::Config::default().prefix);
    let (none, wrong) = (keys.usage(&acme), keys.usage(&other));
    server.command(&["DEL", &none]).await;
    server
        .command(&["HSET", &wrong, "pending", "77", "bytes", "7"])
        .await;

    let store = open(&server).await;
    uses(&*store, "acme", of_acme).await;
    uses(&*store, "other", of_other).await;
}
