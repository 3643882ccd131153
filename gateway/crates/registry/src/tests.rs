//! Tests of the registry over the embedded store and the real plugin host.

use std::path::Path;
use std::sync::Arc;

use super::*;
use hookgate_contract::profile::Profiles;
use hookgate_domain::{PayloadMode, Scopes, Status};
use hookgate_plugin_host::OnFailure;
use hookgate_runtime::clock::Clock;
use hookgate_runtime::telemetry::Metrics;
use hookgate_store::{self as store, Retention, Store, StoreUrl};
use hookgate_testing::host;

mod auto_disable;
mod canaries;
mod declaring;
mod loading;
mod sweeping;
mod versions;

const BY: &Actor = &Actor::Operator;

struct Bench {
    store: Arc<dyn Store>,
    sealer: Sealer,
    _dir: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).await;
        let sealer = Sealer::generate().0;
        Self {
            store,
            sealer,
            _dir: dir,
        }
    }

    /// Registry of another process on the same store.
    async fn registry(&self, config: Config) -> Registry {
        let parts = Parts {
            store: Arc::clone(&self.store),
            host: host(),
            sealer: self.sealer.clone(),
            profiles: Profiles::shipped(),
            clock: Clock::System,
            metrics: Metrics::new(),
            tasks: hookgate_runtime::tasks::Tasks::default(),
        };
        Registry::start(config, parts).await.unwrap().0
    }
}

async fn open(dir: &Path) -> Arc<dyn Store> {
    let url = StoreUrl::Embedded(dir.join("store"));
    store::open(
        &url,
        &store::Config::default(),
        &Retention::default(),
        Clock::System,
    )
    .await
    .unwrap()
}

fn tenant(id: &str) -> NewTenant {
    NewTenant {
        id: id.parse().unwrap(),
        profile: None,
        signing_secret: None,
        quotas: Default::default(),
        keep_metadata: None,
    }
}

fn subscription(url: &str) -> NewSubscription {
    NewSubscription {
        url: url.parse().unwrap(),
        events: vec!["*".parse().unwrap()],
        filter: None,
        description: None,
        secret: None,
        headers: Vec::new(),
        timeout: None,
        retry: None,
        payload: PayloadMode::Full,
        owner: Default::default(),
        mode: Default::default(),
        status: Default::default(),
    }
}

fn redact(settings: &str, on_failure: OnFailure) -> ChainSpec {
    let step = StepSpec {
        on_failure,
        ..StepSpec::new("redact", settings)
    };
    ChainSpec { steps: vec![step] }
}

#[tokio::test]
async fn what_one_process_changes_the_other_sees_and_a_restart_keeps() {
    let bench = Bench::new().await;
    let (one, two) = (
        bench.registry(Config::default()).await,
        bench.registry(Config::default()).await,
    );
    let (acme, key) = one.create_tenant(tenant("acme")).await.unwrap();
    let made = one
        .create_subscription(&acme.id, subscription("https://x.example"))
        .await
        .unwrap();
    let (owner, ..) = one.by_key(key.reveal()).expect("its own change is there at once");
    assert_eq!(owner.subscriptions.len(), 1);
    assert!(two.by_key(key.reveal()).is_none());
    two.catch_up().await.unwrap();
    let seen = two
        .tenant(&acme.id)
        .expect("the other sees it")
        .subscription(made.id)
        .cloned();
    assert_eq!(seen.as_deref(), Some(&*made));
    let restarted = bench.registry(Config::default()).await;
    assert_eq!(
        restarted.tenant(&acme.id).unwrap().subscription(made.id),
        Some(&made)
    );
    one.delete_tenant(&acme.id).await.unwrap();
    two.catch_up().await.unwrap();
    assert!(two.tenant(&acme.id).is_none() && two.by_key(key.reveal()).is_none());
}

#[tokio::test]
async fn a_tenant_that_cannot_be_read_holds_up_no_other() {
    let bench = Bench::new().await;
    let one = bench.registry(Config::default()).await;
    let (acme, other) = ("acme".parse().unwrap(), "other".parse().unwrap());
    for id in ["acme", "other"] {
        one.create_tenant(tenant(id)).await.unwrap();
    }
    let two = bench.registry(Config::default()).await;
    let revision = two.tenant(&acme).unwrap().revision;
    let unreadable = vec![("chain".to_owned(), Some(bytes::Bytes::from_static(b"?")))];
    let applied = bench.store.registry_apply(&acme, revision, unreadable).await;
    one.create_subscription(&other, subscription("https://example.com"))
        .await
        .unwrap();

    two.catch_up().await.unwrap_err();
    assert_eq!(two.tenant(&other).unwrap().subscriptions.len(), 1);
    assert_eq!(
        two.tenant(&acme).unwrap().revision,
        revision,
        "it is as it was last read"
    );

    let readable = vec![("chain".to_owned(), None)];
    let applied = bench
        .store
        .registry_apply(&acme, applied.unwrap(), readable)
        .await;
    two.catch_up().await.unwrap();
    assert_eq!(two.tenant(&acme).unwrap().revision, applied.unwrap());
}

#[tokio::test]
async fn changes_at_the_same_time_all_happen() {
    let bench = Bench::new().await;
    let (one, two) = (
        bench.registry(Config::default()).await,
        bench.registry(Config::default()).await,
    );
    let (acme, _) = one.create_tenant(tenant("acme")).await.unwrap();
    let (first, second, third) = tokio::join!(
        one.create_subscription(&acme.id, subscription("https://a.example")),
        two.create_subscription(&acme.id, subscription("https://b.example")),
        two.create_key(&acme.id, Scopes::ALL),
    );
    assert!(first.is_ok() && second.is_ok() && third.is_ok());
    one.catch_up().await.unwrap();
    let acme = one.tenant(&acme.id).unwrap();
    assert_eq!((acme.subscriptions.len(), acme.keys.len()), (2, 2));
}

fn refused(result: Result<Arc<Subscription>, RegistryError>) -> String {
    result.expect_err("the profile refuses it").to_string()
}

#[tokio::test]
async fn subscriptions_keep_to_the_rules_of_the_profile() {
    let bench = Bench::new().await;
    let registry = bench.registry(Config::default()).await;
    let of = |id: &str, profile: &str| NewTenant {
        profile: Some(profile.to_owned()),
        ..tenant(id)
    };
    let unknown = registry.create_tenant(of("acme", "synthesk")).await;
    assert!(
        unknown
            .expect_err("there is none")
            .to_string()
            .contains("`synthesq`")
    );
    let (acme, _) = registry.create_tenant(of("acme", "synthesq")).await.unwrap();
    let to = |events: &str| NewSubscription {
        events: vec![events.parse().unwrap()],
        ..subscription("https://a.example")
    };
    let unknown = refused(registry.create_subscription(&acme.id, to("order.*")).await);
    assert!(unknown.contains("product.created"), "{unknown}");
    for _ in 0..25 {
        registry
            .create_subscription(&acme.id, to("product.*"))
            .await
            .unwrap();
    }
    let more = refused(registry.create_subscription(&acme.id, to("*")).await);
    assert!(more.contains("25 subscriptions"), "{more}");

    let (globex, _) = registry.create_tenant(of("globex", "syncai")).await.unwrap();
    let plain = NewSubscription {
        url: "http://a.example".parse().unwrap(),
        ..to("document.verified")
    };
    assert!(refused(registry.create_subscription(&globex.id, plain).await).contains("https"));
    let all = refused(registry.create_subscription(&globex.id, to("*")).await);
    assert!(all.contains("wildcards"), "{all}");
    let given = NewSubscription {
        secret: Some(Secret::new("your-webhook-secret-for-hmac")),
        ..to("document.verified")
    };
    let made = registry.create_subscription(&globex.id, given).await.unwrap();
    assert_eq!(made.secrets[0].secret.reveal(), "your-webhook-secret-for-hmac");
}

#[tokio::test]
async fn a_profile_whose_tenant_signs_gives_subscriptions_no_secret() {
    let bench = Bench::new().await;
    let registry = bench.registry(Config::default()).await;
    let new = NewTenant {
        profile: Some("synthflow".to_owned()),
        ..tenant("acme")
    };
    let (acme, _) = registry.create_tenant(new).await.unwrap();
    let made = registry
        .create_subscription(&acme.id, subscription("https://a.example"))
        .await
        .unwrap();
    assert!(made.secrets.is_empty());
    let rotated = refused(registry.rotate_secret(&acme.id, made.id, None, None).await);
    assert!(rotated.contains("tenant"), "{rotated}");
    let rotate = async || registry.rotate_tenant_secret(&acme.id, None, None).await.unwrap();
    let (first, second) = (rotate().await, rotate().await);
    assert_eq!(
        (first.signing_secrets.len(), second.signing_secrets.len()),
        (1, 2)
    );
    let (newest, older) = (&second.signing_secrets[0], &second.signing_secrets[1]);
    assert_ne!(newest.secret, older.secret);
    assert_eq!(older.secret, first.signing_secrets[0].secret);
    assert_eq!(newest.secret.reveal().len(), 64, "256 bits in hexadecimal");
    assert!(newest.expires.is_none() && older.expires.is_some());
    let restarted = bench.registry(Config::default()).await;
    let kept = restarted.tenant(&acme.id).unwrap();
    assert_eq!(kept.signing_secrets, second.signing_secrets);
}

#[tokio::test]
async fn limits_and_names_hold() {
    let bench = Bench::new().await;
    let config = Config {
        max_tenants: 1,
        max_subscriptions: 1,
        max_keys: 1,
        ..Config::default()
    };
    let registry = bench.registry(config).await;
    let (acme, _) = registry.create_tenant(tenant("acme")).await.unwrap();
    let id = &acme.id;
    let again = registry.create_tenant(tenant("acme")).await;
    assert!(matches!(again, Err(RegistryError::Exists("tenant"))));
    let more = registry.create_tenant(tenant("globex")).await;
    assert!(matches!(
        more,
        Err(RegistryError::LimitReached { what: "tenants", .. })
    ));
    assert!(matches!(
        registry.create_key(id, Scopes::ALL).await,
        Err(RegistryError::LimitReached { .. })
    ));
    registry
        .create_subscription(id, subscription("https://a.example"))
        .await
        .unwrap();
    let more = registry
        .create_subscription(id, subscription("https://b.example"))
        .await;
    assert!(matches!(
        more,
        Err(RegistryError::LimitReached {
            what: "subscriptions",
            ..
        })
    ));
    let none = registry
        .delete_subscription(&"globex".parse().unwrap(), registry.inner.ids.subscription())
        .await;
    assert!(matches!(none, Err(RegistryError::NotFound("tenant"))));
}

#[tokio::test]
async fn bad_subscriptions_are_refused() {
    let bench = Bench::new().await;
    let registry = bench.registry(Config::default()).await;
    let (acme, _) = registry.create_tenant(tenant("acme")).await.unwrap();
    let header = |name: &str, value: &str| vec![(name.to_owned(), Secret::new(value))];
    let good = || subscription("https://a.example");
    for (field, bad) in [
        ("url", subscription("ftp://a.example")),
        ("url", subscription("https://user:pw@a.example")),
        (
            "events",
            NewSubscription {
                events: Vec::new(),
                ..good()
            },
        ),
        (
            "headers",
            NewSubscription {
                headers: header("a b", "x"),
                ..good()
            },
        ),
        (
            "headers",
            NewSubscription {
                headers: header("x-a", "x\r\ny: z"),
                ..good()
            },
        ),
        (
            "timeout",
            NewSubscription {
                timeout: Some(Duration::from_secs(31)),
                ..good()
            },
        ),
        (
            "secret",
            NewSubscription {
                secret: Some(Secret::new("")),
                ..good()
            },
        ),
    ] {
        let refused = registry.create_subscription(&acme.id, bad).await;
        assert!(
            matches!(refused, Err(RegistryError::Invalid { field: of, .. }) if of == field),
            "{field}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn a_rotation_keeps_the_old_secret_for_its_grace() {
    let bench = Bench::new().await;
    let registry = bench.registry(Config::default()).await;
    let (acme, _) = registry.create_tenant(tenant("acme")).await.unwrap();
    let made = registry
        .create_subscription(&acme.id, subscription("https://a.example"))
        .await
        .unwrap();
    let old = made.secrets[0].secret.clone();
    let rotated = registry
        .rotate_secret(&acme.id, made.id, None, None)
        .await
        .unwrap();
    let signing: Vec<_> = rotated.signing_at(Clock::System.now()).cloned().collect();
    assert_eq!((signing.len(), &signing[1]), (2, &old));
    assert_ne!(signing[0], old);
    let at_once = registry
        .rotate_secret(&acme.id, made.id, None, Some(Duration::ZERO))
        .await
        .unwrap();
    assert_eq!(at_once.signing_at(Clock::System.now()).count(), 1);
}

#[tokio::test]
async fn a_chain_is_set_only_when_every_step_is_right() {
    let bench = Bench::new().await;
    let registry = bench.registry(Config::default()).await;
    let (acme, _) = registry.create_tenant(tenant("acme")).await.unwrap();
    let id = &acme.id;
    let right = redact(r#"{"classes":["confidential"]}"#, OnFailure::Fail);
    let set = registry
        .set_chain(id, Place::Ingress, right.clone(), BY)
        .await
        .unwrap();
    assert!(set.chain.as_ref().unwrap().steps[0].component.is_some());
    assert_eq!(set.chain_spec, right);
    let refused = registry
        .set_chain(
            id,
            Place::Ingress,
            redact(r#"{"clases":[]}"#, OnFailure::Fail),
            BY,
        )
        .await;
    let Err(RegistryError::SettingsRefused {
        step: 0, problems, ..
    }) = refused
    else {
        panic!("{refused:?}");
    };
    assert!(!problems.is_empty());
    let skipped = registry
        .set_chain(id, Place::Ingress, redact("{}", OnFailure::Skip), BY)
        .await;
    assert!(matches!(
        skipped,
        Err(RegistryError::RedactionSkipped { step: 0 })
    ));
    let mut unknown = right.clone();
    unknown.steps[0].plugin = "nobody".to_owned();
    assert!(matches!(
        registry.set_chain(id, Place::Ingress, unknown, BY).await,
        Err(RegistryError::PluginUnknown { .. })
    ));
    let not_an_object = registry
        .set_chain(id, Place::Ingress, redact("[]", OnFailure::Fail), BY)
        .await;
    assert!(matches!(
        not_an_object,
        Err(RegistryError::StepInvalid { step: 0, field, .. }) if field == "settings"
    ));
    assert_eq!(
        registry.tenant(id).unwrap().chain_spec,
        right,
        "nothing was changed"
    );
    let none = registry
        .set_chain(id, Place::Ingress, ChainSpec::default(), BY)
        .await
        .unwrap();
    assert!(none.chain.is_none());
}
