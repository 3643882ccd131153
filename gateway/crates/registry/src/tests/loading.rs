//! Tests of background loading: snapshots are published before components are loaded.

use super::versions::{Acme, component, wants};
use super::*;

impl Acme {
    /// Registry of another process that starts on the same store.
    async fn other(&self) -> Registry {
        self.bench.registry(Config::default()).await
    }
}

#[tokio::test]
async fn chain_set_elsewhere_is_published_at_once_and_loaded_afterwards() {
    let acme = Acme::new().await;
    let other = acme.other().await;
    acme.upload(component("1.0.0")).await;
    acme.set(Place::Ingress, vec![wants(None)]).await.unwrap();
    let own = acme.registry.tenant(&acme.id).unwrap();
    assert!(
        !own.is_loading(Place::Ingress),
        "where it was set it runs at once"
    );
    assert!(own.chain.as_ref().unwrap().steps[0].component.is_some());

    other.catch_up().await.unwrap();
    let published = other.tenant(&acme.id).unwrap();
    assert!(published.is_loading(Place::Ingress));
    assert_eq!(other.loading(), 1);
    let chain = published.chain.as_ref().unwrap();
    assert!(
        chain.steps[0].component.is_none(),
        "and never runs as if the step were not there"
    );
    other.loaded(&acme.id, Place::Ingress).await;
    let loaded = other.tenant(&acme.id).unwrap();
    assert!(loaded.chain.as_ref().unwrap().steps[0].component.is_some());
    assert_eq!((other.loading(), loaded.revision), (0, published.revision));
}

#[tokio::test]
async fn component_that_nobody_has_is_missing_and_not_waited_for() {
    let acme = Acme::new().await;
    let uploaded = acme.upload(component("1.0.0")).await;
    acme.set(Place::Ingress, vec![wants(None)]).await.unwrap();
    acme.bench
        .store
        .blob_delete(&uploaded.version.digest)
        .await
        .unwrap();
    let other = acme.other().await;
    other.loaded(&acme.id, Place::Ingress).await;
    let tenant = other.tenant(&acme.id).unwrap();
    assert!(!tenant.is_loading(Place::Ingress));
    assert!(tenant.chain.as_ref().unwrap().steps[0].component.is_none());
    // An unrelated change does not make its events wait again.
    other.create_key(&acme.id, Scopes::ALL).await.unwrap();
    assert!(!other.tenant(&acme.id).unwrap().is_loading(Place::Ingress));
}

#[tokio::test]
async fn change_decodes_only_what_changed() {
    let acme = Acme::new().await;
    acme.upload(component("1.0.0")).await;
    acme.set(Place::Ingress, vec![wants(None)]).await.unwrap();
    let registry = &acme.registry;
    let made = registry
        .create_subscription(&acme.id, subscription("https://a.example"))
        .await
        .unwrap();
    let before = registry.tenant(&acme.id).unwrap();
    registry
        .create_subscription(&acme.id, subscription("https://b.example"))
        .await
        .unwrap();
    let after = registry.tenant(&acme.id).unwrap();
    assert!(Arc::ptr_eq(
        after.subscription(made.id).unwrap(),
        before.subscription(made.id).unwrap()
    ));
    assert!(Arc::ptr_eq(
        after.chain.as_ref().unwrap(),
        before.chain.as_ref().unwrap()
    ));
    assert_eq!(registry.registry_bytes(&acme.id), Some(after.bytes));
    assert!(after.bytes > before.bytes);
}

#[tokio::test]
async fn large_tenants_are_read_and_lose_revoked_keys() {
    let acme = Acme::new().await;
    let registry = &acme.registry;
    let other = acme.other().await;
    let (key, secret) = registry.create_key(&acme.id, Scopes::ALL).await.unwrap();
    for n in 0..8 {
        let headers = (0..4).map(|h| (format!("x-{h}"), Secret::new(&"v".repeat(3_000))));
        let large = NewSubscription {
            headers: headers.collect(),
            ..subscription(&format!("https://{n}.example"))
        };
        registry.create_subscription(&acme.id, large).await.unwrap();
    }
    other.catch_up().await.unwrap();
    assert!(other.tenant(&acme.id).unwrap().bytes > 64 << 10);
    assert!(other.by_key(secret.reveal()).is_some());
    registry.revoke_key(&acme.id, key.id).await.unwrap();
    other.catch_up_on(&acme.id).await.unwrap();
    assert!(registry.by_key(secret.reveal()).is_none() && other.by_key(secret.reveal()).is_none());
    assert_eq!(other.tenant(&acme.id).unwrap().subscriptions.len(), 8);
}
