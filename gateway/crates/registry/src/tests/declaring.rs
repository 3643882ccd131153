//! Tests of tenants that the configuration file declares.

use std::time::Duration;

use super::*;
use hookgate_domain::subscription::DisableReason;

fn declared(keys: &[&str], urls: &[&str]) -> DeclaredTenant {
    DeclaredTenant {
        force_profile: false,
        tenant: tenant("acme"),
        keys: keys.iter().map(|key| Secret::new(key)).collect(),
        chain: Some(redact("{}", OnFailure::Fail)),
        types: Vec::new(),
        subscriptions: urls
            .iter()
            .map(|url| DeclaredSubscription {
                name: (*url).to_owned(),
                subscription: subscription(url),
                chain: None,
            })
            .collect(),
    }
}

#[tokio::test]
async fn declarations_are_made_true_and_only_they_are_touched() {
    let bench = Bench::new().await;
    let registry = bench.registry(Config::default()).await;
    let (one, two) = ("a-chosen-key-of-acme", "another-chosen-key");
    let file = [declared(&[one], &["https://a.example", "https://b.example"])];
    registry.declare(&file).await.unwrap();
    let acme = registry.tenant(&"acme".parse().unwrap()).unwrap();
    let (revision, secret) = (acme.revision, acme.subscriptions[0].secrets.clone());
    registry.declare(&file).await.unwrap();
    let id = &acme.id;
    assert_eq!(
        registry.tenant(id).unwrap().revision,
        revision,
        "doing it again changes nothing"
    );
    let own = registry
        .create_subscription(id, subscription("https://own.example"))
        .await
        .unwrap();
    let by_api = registry.delete_subscription(id, acme.subscriptions[0].id).await;
    assert!(matches!(by_api, Err(RegistryError::Declared(_))));
    let sub = acme
        .subscriptions
        .iter()
        .find(|s| s.url.host_str() == Some("a.example"))
        .unwrap()
        .id;
    registry
        .disable_subscription(id, sub, DisableReason::Gone)
        .await
        .unwrap();
    registry
        .declare(&[declared(&[two], &["https://a.example"])])
        .await
        .unwrap();
    let after = registry.tenant(id).unwrap();
    assert!(registry.by_key(one).is_none() && registry.by_key(two).is_some());
    assert_eq!(
        after.subscriptions.len(),
        2,
        "one declared, one made over the API"
    );
    let kept = after.subscription(sub).unwrap();
    assert_ne!(
        kept.status,
        Status::Active,
        "what the running system decided stays"
    );
    assert_eq!(kept.secrets.len(), secret.len());
    registry.declare(&[]).await.unwrap();
    let left = registry.tenant(id).expect("it has something of its own");
    assert_eq!(left.subscriptions, [own]);
    assert!(left.chain.is_none() && registry.by_key(two).is_none());
}

#[tokio::test]
async fn one_wrong_declaration_changes_nothing() {
    let bench = Bench::new().await;
    let registry = bench.registry(Config::default()).await;
    let mut wrong = declared(&["a-chosen-key-of-globex"], &[]);
    wrong.tenant = tenant("globex");
    wrong.chain = Some(redact(r#"{"clases":[]}"#, OnFailure::Fail));
    let refused = registry
        .declare(&[declared(&["a-chosen-key-of-acme"], &[]), wrong])
        .await;
    let (tenant, _) = refused.unwrap_err();
    assert_eq!(tenant.unwrap().as_str(), "globex");
    assert_eq!(registry.count(), 0);
}

#[tokio::test]
async fn a_declared_secret_is_rotated_in_the_file() {
    let bench = Bench::new().await;
    let registry = bench.registry(Config::default()).await;
    let id = "acme".parse().unwrap();
    let file = |profile: &str, secret: Option<&str>| {
        let mut file = declared(&[], &[]);
        file.tenant.profile = Some(profile.to_owned());
        file.tenant.signing_secret = secret.map(Secret::new);
        [file]
    };
    let secrets = || {
        let secrets = registry.tenant(&id).unwrap().signing_secrets.clone();
        let texts = secrets.into_iter().map(|s| s.secret.reveal().to_owned());
        texts.collect::<Vec<_>>()
    };
    registry
        .declare(&file("synthflow", Some("the first one")))
        .await
        .unwrap();
    let refused = registry.rotate_tenant_secret(&id, None, None).await;
    assert!(matches!(refused, Err(RegistryError::Declared("signing secret"))));
    registry
        .declare(&file("synthflow", Some("the second one")))
        .await
        .unwrap();
    assert_eq!(
        secrets(),
        ["the second one", "the first one"],
        "receivers have time to follow"
    );
    registry.declare(&file("synthflow", None)).await.unwrap();
    assert_eq!(secrets().len(), 2, "left to the API, as it was");
    registry
        .rotate_tenant_secret(&id, None, Some(Duration::ZERO))
        .await
        .unwrap();
    assert_eq!(secrets().len(), 1);
}

#[tokio::test]
async fn declared_chains_of_subscriptions_follow_the_file() {
    let bench = Bench::new().await;
    let registry = bench.registry(Config::default()).await;
    let with = |chain: Option<ChainSpec>| {
        let mut tenant = declared(&[], &["https://a.example"]);
        tenant.chain = None;
        tenant.subscriptions[0].chain = chain;
        [tenant]
    };
    let id = "acme".parse().unwrap();
    let limited = |share| {
        let mut spec = redact("{}", OnFailure::Fail);
        spec.steps[0].limits.memory = Some(1 << 20);
        spec.steps[0].version = Some("^0.1".to_owned());
        spec.steps[0].canary = Some(CanarySpec {
            version: "0.1.0".to_owned(),
            share: Share::of_million(share),
        });
        spec
    };
    registry.declare(&with(Some(limited(5)))).await.unwrap();
    let acme = registry.tenant(&id).unwrap();
    let subscription = acme.subscriptions[0].id;
    assert_eq!(acme.delivery[&subscription].spec, limited(5));
    registry.declare(&with(Some(limited(5)))).await.unwrap();
    assert_eq!(registry.tenant(&id).unwrap().revision, acme.revision);
    let place = Place::Delivery(subscription);
    let by_api = registry
        .set_chain(&id, place, ChainSpec::default(), &Actor::Operator)
        .await;
    assert!(matches!(by_api, Err(RegistryError::Declared(_))));

    registry.declare(&with(Some(limited(6)))).await.unwrap();
    let history = registry.history(&id).await.unwrap();
    assert_eq!(
        (history[0].deed, history[0].who.as_str()),
        (AuditAction::ChainSet, "declared")
    );
    registry.declare(&with(None)).await.unwrap();
    assert!(registry.tenant(&id).unwrap().delivery.is_empty());
    let bad = redact(r#"{"classes":["none of them"]}"#, OnFailure::Fail);
    let refused = registry.declare(&with(Some(bad))).await;
    assert!(matches!(
        refused,
        Err((Some(_), RegistryError::SettingsRefused { .. }))
    ));
}
