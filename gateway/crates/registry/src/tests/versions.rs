//! Tests of plugin versions, and of the steps that follow them.

use bytes::Bytes;

use super::*;
use hookgate_domain::SubscriptionId;
use hookgate_testing::guests::{PASS, refusing, versioned};

pub(super) fn component(version: &str) -> Bytes {
    versioned(version, PASS)
}

pub(super) fn wants(version: Option<&str>) -> StepSpec {
    StepSpec {
        version: version.map(str::to_owned),
        ..StepSpec::new("guest", "{}")
    }
}

fn chain(steps: Vec<StepSpec>) -> ChainSpec {
    ChainSpec { steps }
}

pub(super) struct Acme {
    pub(super) registry: Registry,
    pub(super) id: TenantId,
    pub(super) bench: Bench,
}

impl Acme {
    pub(super) async fn new() -> Self {
        Self::with(Config::default()).await
    }

    async fn with(config: Config) -> Self {
        let bench = Bench::new().await;
        let registry = bench.registry(config).await;
        let (acme, _) = registry.create_tenant(tenant("acme")).await.unwrap();
        Self {
            id: acme.id.clone(),
            registry,
            bench,
        }
    }

    pub(super) async fn upload(&self, bytes: Bytes) -> Uploaded {
        self.registry
            .upload_plugin(&self.id, None, bytes, BY)
            .await
            .unwrap()
    }

    pub(super) async fn set(&self, place: Place, steps: Vec<StepSpec>) -> Result<Arc<Tenant>, RegistryError> {
        self.registry.set_chain(&self.id, place, chain(steps), BY).await
    }

    /// Versions that the steps of a chain run, read from the store.
    pub(super) async fn running(&self, place: Place) -> Vec<String> {
        let other = self.bench.registry(Config::default()).await;
        let tenant = other.tenant(&self.id).unwrap();
        let states = tenant.states().filter(|(at, _, _)| *at == place);
        states
            .map(|(_, _, state)| {
                state
                    .running
                    .clone()
                    .map_or_else(|| "shipped".to_owned(), |ran| ran.version)
            })
            .collect()
    }

    async fn subscribe(&self) -> SubscriptionId {
        let made = self
            .registry
            .create_subscription(&self.id, subscription("https://a.example"))
            .await;
        made.unwrap().id
    }
}

#[tokio::test]
async fn a_version_is_never_changed() {
    let acme = Acme::new().await;
    let first = acme.upload(component("1.0.0")).await;
    assert_eq!(first.version.version, "1.0.0");
    let again = acme.upload(component("1.0.0")).await;
    assert_eq!(again.plugin, first.plugin, "the same bytes keep nothing new");
    let other = versioned("1.0.0", &format!("(nop) {PASS}"));
    let refused = acme.registry.upload_plugin(&acme.id, None, other, BY).await;
    assert!(
        matches!(&refused, Err(RegistryError::VersionExists { version, .. }) if version == "1.0.0"),
        "{refused:?}"
    );
    let odd = acme
        .registry
        .upload_plugin(&acme.id, None, component("v1.00"), BY)
        .await;
    assert!(matches!(odd, Err(RegistryError::Component(_))), "{odd:?}");
    let listed = acme.registry.plugins(&acme.id).await.unwrap();
    let guest = listed.iter().find(|plugin| plugin.name == "guest").unwrap();
    assert_eq!((guest.owner, guest.versions.len()), (Owner::Tenant, 1));
    assert!(
        guest.versions[0]
            .imports
            .contains(&"hookgate:plugin/document@0.1.0".to_owned())
    );
}

#[tokio::test]
async fn an_upload_moves_the_steps_that_want_it_all_at_once() {
    let acme = Acme::new().await;
    let subscription = acme.subscribe().await;
    acme.upload(component("1.0.0")).await;
    let (at_ingress, at_delivery) = (Place::Ingress, Place::Delivery(subscription));
    let steps = vec![
        wants(None),
        wants(Some("1.0.0")),
        wants(Some("^1.0")),
        wants(Some("~1.0")),
    ];
    acme.set(at_ingress, steps).await.unwrap();
    acme.set(at_delivery, vec![wants(Some("latest"))]).await.unwrap();
    let revision = acme.registry.tenant(&acme.id).unwrap().revision;

    let moved = acme.upload(component("1.1.0")).await.steps;
    let told: Vec<_> = moved
        .iter()
        .map(|step| (step.place, step.step, step.to.as_deref()))
        .collect();
    let to = Some("1.1.0");
    assert_eq!(
        told,
        [(at_ingress, 0, to), (at_ingress, 2, to), (at_delivery, 0, to)]
    );
    assert_eq!(
        acme.running(at_ingress).await,
        ["1.1.0", "1.0.0", "1.1.0", "1.0.0"]
    );
    assert_eq!(acme.running(at_delivery).await, ["1.1.0"]);
    let tenant = acme.registry.tenant(&acme.id).unwrap();
    assert_eq!(tenant.revision, revision + 1, "one change");
    assert_eq!(tenant.chain_states[0].previous.as_ref().unwrap().version, "1.0.0");

    acme.upload(component("2.0.0")).await;
    assert_eq!(
        acme.running(at_ingress).await,
        ["2.0.0", "1.0.0", "1.1.0", "1.0.0"]
    );
    acme.upload(component("1.0.1")).await;
    assert_eq!(
        acme.running(at_ingress).await,
        ["2.0.0", "1.0.0", "1.1.0", "1.0.1"]
    );
}

#[tokio::test]
async fn a_version_that_refuses_the_settings_moves_nothing_and_says_so() {
    let acme = Acme::new().await;
    acme.upload(component("1.0.0")).await;
    acme.set(Place::Ingress, vec![wants(None)]).await.unwrap();
    let uploaded = acme.upload(refusing("1.1.0")).await;
    let [step] = &uploaded.steps[..] else {
        panic!("{uploaded:?}")
    };
    assert_eq!(
        (step.from.as_deref(), step.to.as_deref()),
        (Some("1.0.0"), Some("1.1.0"))
    );
    assert_eq!(step.refused[0].pointer, "/settings");
    assert_eq!(step.refused[0].message, "no luck");
    assert_eq!(acme.running(Place::Ingress).await, ["1.0.0"]);
    let set = acme.set(Place::Ingress, vec![wants(None)]).await;
    assert!(
        matches!(set, Err(RegistryError::SettingsRefused { step: 0, .. })),
        "{set:?}"
    );
}

#[tokio::test]
async fn what_is_in_use_is_not_deleted() {
    let acme = Acme::new().await;
    let subscription = acme.subscribe().await;
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        acme.upload(component(version)).await;
    }
    let place = Place::Delivery(subscription);
    acme.set(place, vec![wants(Some("1.1.0"))]).await.unwrap();
    let registry = &acme.registry;
    let delete = async |version| registry.delete_version(&acme.id, "guest", version, BY).await;
    let Err(refused @ RegistryError::PluginInUse { .. }) = delete("1.1.0").await else {
        panic!("a step runs it");
    };
    assert!(
        refused.to_string().contains(&subscription.to_string()),
        "{refused}"
    );
    delete("1.0.0").await.unwrap();
    assert!(matches!(
        delete("1.0.0").await,
        Err(RegistryError::NotFound("version"))
    ));
    assert!(matches!(
        delete("^1").await,
        Err(RegistryError::NotFound("version"))
    ));
    let all = registry.delete_plugin(&acme.id, "guest", BY).await;
    assert!(matches!(all, Err(RegistryError::PluginInUse { .. })));

    registry
        .delete_subscription(&acme.id, subscription)
        .await
        .unwrap();
    assert!(
        registry.tenant(&acme.id).unwrap().delivery.is_empty(),
        "its chain went with it"
    );
    registry.delete_plugin(&acme.id, "guest", BY).await.unwrap();
}

#[tokio::test]
async fn the_oldest_that_nothing_uses_makes_room() {
    let acme = Acme::with(Config {
        max_versions: 2,
        ..Config::default()
    })
    .await;
    acme.upload(component("1.0.0")).await;
    acme.set(Place::Ingress, vec![wants(Some("1.0.0"))])
        .await
        .unwrap();
    acme.upload(component("1.1.0")).await;
    let kept = acme.upload(component("1.2.0")).await.plugin.versions;
    let kept: Vec<_> = kept.iter().map(|version| version.version.as_str()).collect();
    assert_eq!(kept, ["1.2.0", "1.0.0"]);
}

#[tokio::test]
async fn the_operators_plugins_are_everybodys() {
    let acme = Acme::new().await;
    let registry = &acme.registry;
    let (globex, _) = registry.create_tenant(tenant("globex")).await.unwrap();
    let operator = TenantId::operator();
    let share = async |version| {
        registry
            .upload_plugin(&operator, None, component(version), BY)
            .await
            .unwrap()
    };
    share("1.0.0").await;
    acme.set(Place::Ingress, vec![wants(None)]).await.unwrap();
    registry
        .set_chain(&globex.id, Place::Ingress, chain(vec![wants(Some("^1"))]), BY)
        .await
        .unwrap();
    let own = registry
        .upload_plugin(&acme.id, None, component("3.0.0"), BY)
        .await;
    assert!(
        matches!(own, Err(RegistryError::Invalid { field: "name", .. })),
        "{own:?}"
    );

    let moved = share("1.1.0").await.steps;
    let whose: Vec<_> = moved.iter().map(|step| step.tenant.as_str()).collect();
    assert_eq!(whose, ["acme", "globex"]);
    assert_eq!(acme.running(Place::Ingress).await, ["1.1.0"]);
    let other = acme.bench.registry(Config::default()).await;
    assert_eq!(other.count(), 2, "the operator's place is no tenant");
    assert!(other.tenant(&operator).is_none());

    let used = registry.delete_plugin(&operator, "guest", BY).await;
    assert!(
        matches!(&used, Err(RegistryError::PluginInUse { by }) if by.len() == 2),
        "{used:?}"
    );
    registry
        .delete_version(&operator, "guest", "1.0.0", BY)
        .await
        .unwrap();
    let owners: Vec<_> = registry
        .plugins(&acme.id)
        .await
        .unwrap()
        .iter()
        .map(|plugin| plugin.owner)
        .collect();
    assert_eq!(
        owners.iter().filter(|owner| **owner == Owner::Operator).count(),
        1
    );
}

#[tokio::test]
async fn who_changed_what_is_kept() {
    let acme = Acme::with(Config {
        max_history: 3,
        ..Config::default()
    })
    .await;
    acme.upload(component("1.0.0")).await;
    acme.set(Place::Ingress, vec![wants(None)]).await.unwrap();
    acme.upload(component("1.1.0")).await;
    let history = acme.registry.history(&acme.id).await.unwrap();
    let told: Vec<_> = history
        .iter()
        .map(|change| {
            (
                change.deed,
                change.who.as_str(),
                change.from.as_deref(),
                change.to.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (AuditAction::Uploaded, "operator", None, Some("1.1.0")),
            (AuditAction::Upgraded, "operator", Some("1.0.0"), Some("1.1.0")),
            (AuditAction::ChainSet, "operator", None, None),
        ]
    );
    assert_eq!(history[1].place, Some(Place::Ingress));
}

#[tokio::test]
async fn a_steps_limits_are_below_the_gateways() {
    let acme = Acme::new().await;
    acme.upload(component("1.0.0")).await;
    let limited = |memory| StepSpec {
        limits: hookgate_plugin_host::StepLimits {
            memory: Some(memory),
            ..Default::default()
        },
        ..wants(None)
    };
    let refused = acme
        .set(Place::Ingress, vec![wants(None), limited(1 << 30)])
        .await;
    let Err(RegistryError::StepInvalid {
        step: 1,
        field,
        problem,
    }) = refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!(field, "limits/memory");
    assert!(problem.contains("plugins.memory"), "{problem}");
    let set = acme.set(Place::Ingress, vec![limited(1 << 20)]).await.unwrap();
    let bounds = set.chain.as_ref().unwrap().steps[0].bounds.clone().unwrap();
    assert_eq!(bounds.memory.bytes(), 1 << 20);
    let lowered = hookgate_plugin_host::Config {
        memory: hookgate_domain::units::Size::from_bytes(1 << 19),
        ..Default::default()
    };
    let both = hookgate_plugin_host::StepLimits {
        memory: Some(1 << 20),
        log: Some(100),
        deadline: None,
    };
    let within = both.within(&lowered);
    assert_eq!(
        (within.memory, within.log),
        (Some(1 << 19), Some(100)),
        "each for itself"
    );
}
