//! Tests of canaries: promotion, roll-back, and automatic stop.

use super::versions::{Acme, component, wants};
use super::*;
use hookgate_plugin_host::{Tripped, Watched};

fn trying(version: &str, canary: &str) -> StepSpec {
    StepSpec {
        canary: Some(CanarySpec {
            version: canary.to_owned(),
            share: Share::from_number(0.25).unwrap(),
        }),
        ..wants(Some(version))
    }
}

async fn with_canary(canary: &str) -> Acme {
    let acme = Acme::new().await;
    acme.upload(component("1.0.0")).await;
    acme.upload(component("1.1.0")).await;
    acme.set(Place::Ingress, vec![trying("1.0.0", canary)])
        .await
        .unwrap();
    acme
}

fn state(registry: &Registry, acme: &Acme) -> StepState {
    registry.tenant(&acme.id).unwrap().chain_states[0].clone()
}

#[tokio::test]
async fn a_canary_is_promoted_and_the_step_rolled_back() {
    let acme = with_canary("1.1.0").await;
    let registry = &acme.registry;
    assert!(
        registry.tenant(&acme.id).unwrap().chain.as_ref().unwrap().steps[0]
            .canary
            .is_some()
    );
    let moved = registry.promote(&acme.id, "guest", BY).await.unwrap();
    assert_eq!(
        (moved[0].from.as_deref(), moved[0].to.as_deref()),
        (Some("1.0.0"), Some("1.1.0"))
    );
    assert_eq!(acme.running(Place::Ingress).await, ["1.1.0"]);
    let spec = &registry.tenant(&acme.id).unwrap().chain_spec.steps[0];
    assert_eq!((spec.version.as_deref(), &spec.canary), (Some("1.1.0"), &None));
    let again = registry.promote(&acme.id, "guest", BY).await;
    assert!(matches!(again, Err(RegistryError::WrongState(_))), "{again:?}");

    registry.roll_back(&acme.id, "guest", BY).await.unwrap();
    assert_eq!(acme.running(Place::Ingress).await, ["1.0.0"]);
    let deeds: Vec<_> = registry
        .history(&acme.id)
        .await
        .unwrap()
        .iter()
        .map(|change| change.deed)
        .collect();
    assert_eq!(
        deeds[..3],
        [
            AuditAction::RolledBack,
            AuditAction::Promoted,
            AuditAction::CanaryBegun
        ]
    );
}

#[tokio::test]
async fn a_roll_back_calls_a_canary_off_before_anything_else() {
    let acme = with_canary("1.1.0").await;
    let registry = &acme.registry;
    let moved = registry.roll_back(&acme.id, "guest", BY).await.unwrap();
    assert!(moved[0].canary);
    assert!(state(registry, &acme).canary.unwrap().stopped.is_some());
    assert!(
        registry.tenant(&acme.id).unwrap().chain.as_ref().unwrap().steps[0]
            .canary
            .is_none()
    );
    let nothing = registry.roll_back(&acme.id, "guest", BY).await;
    assert!(
        matches!(nothing, Err(RegistryError::WrongState(_))),
        "{nothing:?}"
    );
}

#[tokio::test]
async fn one_of_two_gateways_calls_a_failing_canary_off() {
    let acme = with_canary("latest").await;
    let other = acme.bench.registry(Config::default()).await;
    let canary = state(&other, &acme).canary.unwrap();
    let tripped = Tripped {
        what: Watched {
            tenant: acme.id.clone(),
            place: "ingress".to_owned(),
            plugin: "guest".to_owned(),
            digest: canary.running.digest,
        },
        calls: 20,
        failures: 5,
    };
    let (one, two) = tokio::join!(
        acme.registry.stop_failing_canary(&tripped),
        other.stop_failing_canary(&tripped)
    );
    assert!(one.unwrap() ^ two.unwrap(), "once");
    acme.registry.catch_up().await.unwrap();
    let stopped = state(&acme.registry, &acme).canary.unwrap().stopped.unwrap();
    assert_eq!(stopped.reason, "5 of 20 calls failed");
    let history = acme.registry.history(&acme.id).await.unwrap();
    assert_eq!(
        (history[0].deed, history[0].who.as_str()),
        (AuditAction::CanaryStopped, "automatic")
    );

    acme.upload(component("1.2.0")).await;
    let begun = state(&acme.registry, &acme).canary.unwrap();
    assert_eq!(
        (begun.running.version.as_str(), begun.stopped),
        ("1.2.0", None),
        "another one begins"
    );
    assert!(
        !acme.registry.stop_failing_canary(&tripped).await.unwrap(),
        "that one was not meant"
    );
}
