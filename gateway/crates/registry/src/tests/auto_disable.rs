//! Tests of failing subscriptions: one process warns and disables, and an activation starts anew.

use super::*;
use hookgate_domain::subscription::DisableReason;

#[tokio::test]
async fn one_process_warns_and_one_disables() {
    let bench = Bench::new().await;
    let one = bench.registry(Config::default()).await;
    let (acme, _) = one.create_tenant(tenant("acme")).await.unwrap();
    let made = one
        .create_subscription(&acme.id, subscription("https://x.example"))
        .await
        .unwrap();
    assert_eq!((made.activated, made.warned), (made.created, None));
    let two = bench.registry(Config::default()).await;
    let (first, second) = tokio::join!(
        one.warn_failing(&acme.id, made.id, None),
        two.warn_failing(&acme.id, made.id, None)
    );
    let warned: Vec<_> = [first, second].into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(warned.len(), 1);
    let again = one
        .warn_failing(&acme.id, made.id, Some(warned[0]))
        .await
        .unwrap();
    assert!(again.is_some(), "the next window's");

    let (first, second) = tokio::join!(
        one.disable_failing(&acme.id, made.id, made.activated),
        two.disable_failing(&acme.id, made.id, made.activated)
    );
    let disabled: Vec<_> = [first, second].into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(disabled.len(), 1);
    one.catch_up().await.unwrap();
    let held = one.tenant(&acme.id).unwrap();
    let reason = DisableReason::Failing;
    let since = disabled[0];
    assert_eq!(
        held.subscription(made.id).unwrap().status,
        Status::Disabled { since, reason }
    );

    let active = one.activate_subscription(&acme.id, made.id).await.unwrap();
    assert!(active.activated > since);
    assert_eq!(active.warned, None);
    let late = two
        .disable_failing(&acme.id, made.id, made.activated)
        .await
        .unwrap();
    assert_eq!(late, None, "it was activated since it was judged");
    one.delete_subscription(&acme.id, made.id).await.unwrap();
    assert_eq!(two.warn_failing(&acme.id, made.id, None).await.unwrap(), None);
}

#[tokio::test]
async fn the_operators_tenant_is_made_once_and_has_no_key() {
    let bench = Bench::new().await;
    let config = Config {
        max_tenants: 1,
        ..Config::default()
    };
    let (one, two) = (bench.registry(config.clone()).await, bench.registry(config).await);
    one.create_tenant(tenant("acme")).await.unwrap();
    let operator = "operator".parse().unwrap();
    one.ensure_tenant(&operator).await.unwrap();
    two.ensure_tenant(&operator).await.unwrap();
    let (held, other) = (one.tenant(&operator).unwrap(), two.tenant(&operator).unwrap());
    assert_eq!((held.revision, held.keys.len()), (other.revision, 0));
}
