//! Tests of deleted versions: they never return with other bytes, and their bytes are collected.

use std::time::Duration;

use bytes::Bytes;

use super::versions::{Acme, component, wants};
use super::*;
use hookgate_testing::guests::{PASS, versioned};

const LATER: Duration = Duration::from_secs(25 * 3_600);

fn digest(bytes: &Bytes) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(bytes))
}

impl Acme {
    async fn has(&self, bytes: &Bytes) -> bool {
        self.bench.store.blob_get(&digest(bytes)).await.unwrap().is_some()
    }

    async fn sweep_after(&self, time: Duration) {
        let now = Clock::System.now().plus(time);
        self.registry.sweep_at(now).await.unwrap();
    }
}

#[tokio::test]
async fn a_deleted_version_never_comes_back_with_other_bytes() {
    let acme = Acme::new().await;
    let first = component("1.0.0");
    acme.upload(first.clone()).await;
    acme.registry.delete_plugin(&acme.id, "guest", BY).await.unwrap();
    let other = versioned("1.0.0", &format!("(nop) {PASS}"));
    let again = acme
        .registry
        .upload_plugin(&acme.id, None, other.clone(), BY)
        .await;
    let Err(RegistryError::VersionExists {
        version, digest: of, ..
    }) = again
    else {
        panic!("{again:?}")
    };
    assert_eq!((version.as_str(), of), ("1.0.0", digest(&first)));
    assert_eq!(acme.upload(first).await.version.version, "1.0.0");
    acme.upload(component("1.0.1")).await;
    acme.registry
        .delete_version(&acme.id, "guest", "1.0.0", BY)
        .await
        .unwrap();
    let again = acme.registry.upload_plugin(&acme.id, None, other, BY).await;
    assert!(matches!(again, Err(RegistryError::VersionExists { .. })));
}

#[tokio::test]
async fn the_bytes_of_what_went_are_swept_when_nobody_names_them() {
    let acme = Acme::new().await;
    let (first, second) = (component("1.0.0"), component("2.0.0"));
    let (globex, _) = acme.registry.create_tenant(tenant("globex")).await.unwrap();
    for bytes in [&first, &second] {
        acme.upload(bytes.clone()).await;
    }
    let theirs = acme.registry.upload_plugin(&globex.id, None, second.clone(), BY);
    theirs.await.unwrap();
    acme.registry.delete_plugin(&acme.id, "guest", BY).await.unwrap();
    acme.sweep_after(Duration::ZERO).await;
    assert!(acme.has(&first).await, "a day has not passed");
    acme.sweep_after(LATER).await;
    assert!(!acme.has(&first).await);
    assert!(acme.has(&second).await, "another tenant has it");
    acme.upload(first.clone()).await;
    acme.sweep_after(LATER).await;
    assert!(acme.has(&first).await, "it is there again");

    acme.registry.delete_tenant(&globex.id).await.unwrap();
    acme.sweep_after(LATER).await;
    assert!(!acme.has(&second).await, "its tenant is gone");
    assert!(acme.has(&first).await);
}

#[tokio::test]
async fn what_a_deleted_tenant_had_is_remembered_until_it_is_swept() {
    let acme = Acme::new().await;
    for (name, version) in [("globex", "1.0.0"), ("initech", "2.0.0")] {
        let (tenant, _) = acme.registry.create_tenant(tenant(name)).await.unwrap();
        let upload = acme
            .registry
            .upload_plugin(&tenant.id, None, component(version), BY);
        upload.await.unwrap();
        acme.registry.delete_tenant(&tenant.id).await.unwrap();
        let operator = acme.registry.owned(&TenantId::operator()).await.unwrap();
        let remembered = operator.gone.values().flat_map(|record| &record.versions);
        let remembered: Vec<_> = remembered.map(|gone| gone.version.as_str()).collect();
        assert_eq!(remembered, [version]);
        acme.sweep_after(LATER).await;
    }
}

#[tokio::test]
async fn what_a_step_ran_before_stays() {
    let acme = Acme::new().await;
    let (first, second) = (component("1.0.0"), component("2.0.0"));
    acme.upload(first.clone()).await;
    acme.set(Place::Ingress, vec![wants(None)]).await.unwrap();
    acme.upload(second).await;
    acme.registry
        .delete_version(&acme.id, "guest", "1.0.0", BY)
        .await
        .unwrap();
    acme.sweep_after(LATER).await;
    assert!(acme.has(&first).await, "a roll-back goes there");
    acme.registry.roll_back(&acme.id, "guest", BY).await.unwrap();
    assert_eq!(acme.running(Place::Ingress).await, ["1.0.0"]);
}

#[tokio::test]
async fn sweep_deletes_no_component_while_somebody_names_it() {
    let acme = Acme::new().await;
    let first = component("1.0.0");
    acme.upload(first.clone()).await;
    acme.registry.delete_plugin(&acme.id, "guest", BY).await.unwrap();
    // Another gateway stores and references the same bytes: it holds their lock until the change is
    // made.
    let other = acme.bench.registry(Config::default()).await;
    let (begun, go_on) = (tokio::sync::Notify::new(), tokio::sync::Notify::new());
    let name = digest(&first);
    let naming = other.keep_component(&name, first.clone(), async {
        begun.notify_one();
        go_on.notified().await;
        Ok(())
    });
    let sweeping = async {
        begun.notified().await;
        acme.sweep_after(LATER).await;
        assert!(acme.has(&first).await, "the sweep left it alone");
        go_on.notify_one();
    };
    let (named, ()) = tokio::join!(naming, sweeping);
    named.unwrap();
    // No entry references it in the end: it is checked again, because it was not marked as swept.
    acme.sweep_after(LATER).await;
    assert!(!acme.has(&first).await);
}

#[tokio::test]
async fn component_named_after_the_registry_was_read_is_kept() {
    let acme = Acme::new().await;
    let first = component("1.0.0");
    acme.upload(first.clone()).await;
    acme.registry.delete_plugin(&acme.id, "guest", BY).await.unwrap();
    let (seen, _) = acme.bench.store.registry_changes(0).await.unwrap();
    let (globex, _) = acme.registry.create_tenant(tenant("globex")).await.unwrap();
    let upload = acme.registry.upload_plugin(&globex.id, None, first.clone(), BY);
    upload.await.unwrap();
    assert!(acme.registry.throw_away(&digest(&first), seen).await.unwrap());
    assert!(acme.has(&first).await);
}
