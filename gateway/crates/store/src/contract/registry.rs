//! Registry and blobs: compare-and-set by revision, and a log of changed tenants.

use super::*;
use crate::FeedPosition;

fn set(name: &str, value: &'static str) -> (String, Option<Bytes>) {
    (name.to_owned(), Some(Bytes::from_static(value.as_bytes())))
}

fn unset(name: &str) -> (String, Option<Bytes>) {
    (name.to_owned(), None)
}

pub(crate) async fn an_entry_is_kept_and_removed(subject: &impl Subject) {
    let (store, acme) = (subject.store(), tenant("acme"));
    assert_eq!(store.registry_load(&acme).await.unwrap(), None);
    let first = store
        .registry_apply(&acme, 0, vec![set("sub/2", "two"), set("key/1", "one")])
        .await
        .unwrap();
    assert!(first >= 1);
    let changes = vec![unset("sub/2"), set("a", "A"), unset("never"), set("key/1", "uno")];
    let second = store.registry_apply(&acme, first, changes).await.unwrap();
    assert!(second > first);
    let record = store.registry_load(&acme).await.unwrap().unwrap();
    assert_eq!(record.revision, second);
    let entries: Vec<_> = record.entries.iter().map(|(n, v)| (n.as_str(), &v[..])).collect();
    assert_eq!(entries, [("a", &b"A"[..]), ("key/1", &b"uno"[..])]);
    assert_eq!(store.registry_load(&tenant("acme-2")).await.unwrap(), None);
}

pub(crate) async fn a_late_change_conflicts(subject: &impl Subject) {
    let (store, acme) = (subject.store(), tenant("acme"));
    let late = store.registry_apply(&acme, 7, vec![set("a", "?")]).await;
    assert!(matches!(late, Err(StoreError::Conflict)), "it does not exist");
    let revision = store.registry_apply(&acme, 0, vec![set("a", "1")]).await.unwrap();
    for expected in [0, revision + 1] {
        let late = store.registry_apply(&acme, expected, vec![set("a", "?")]).await;
        assert!(matches!(late, Err(StoreError::Conflict)));
    }
    let at_once = (0..8).map(|_| store.registry_apply(&acme, revision, vec![set("b", "2")]));
    let answers = futures_util::future::join_all(at_once).await;
    assert_eq!(answers.iter().filter(|a| a.is_ok()).count(), 1);
    let record = store.registry_load(&acme).await.unwrap().unwrap();
    assert_eq!(record.entries[0].1, "1");
}

pub(crate) async fn changes_are_told_since(subject: &impl Subject) {
    let store = subject.store();
    let (before, none) = store.registry_changes(0).await.unwrap();
    assert!(none.is_empty());
    let names = ["a", "b", "c"].map(tenant);
    let mut revisions = vec![];
    for of in &names {
        revisions.push(store.registry_apply(of, 0, vec![set("x", "1")]).await.unwrap());
    }
    let (first, changed) = store.registry_changes(before).await.unwrap();
    assert!(first > before);
    assert_eq!(sorted(changed), names);

    store
        .registry_apply(&names[1], revisions[1], vec![set("x", "2")])
        .await
        .unwrap();
    let (second, changed) = store.registry_changes(first).await.unwrap();
    assert!(second > first);
    assert_eq!(changed, names[1..2]);
    let (third, changed) = store.registry_changes(second).await.unwrap();
    assert_eq!((third, changed.len()), (second, 0));
    let (_, all) = store.registry_changes(0).await.unwrap();
    assert_eq!(sorted(all), names);
}

pub(crate) async fn a_tenant_goes_and_comes(subject: &impl Subject) {
    let (store, acme) = (subject.store(), tenant("acme"));
    let made = store.registry_apply(&acme, 0, vec![set("a", "1")]).await.unwrap();
    let (before, _) = store.registry_changes(0).await.unwrap();
    store.registry_apply(&acme, made, vec![unset("a")]).await.unwrap();
    assert_eq!(
        store.registry_load(&acme).await.unwrap(),
        None,
        "without entries it does not exist"
    );
    let (removed, changed) = store.registry_changes(before).await.unwrap();
    assert_eq!(
        changed,
        std::slice::from_ref(&acme),
        "that it went is a change too"
    );
    assert!(store.registry_changes(0).await.unwrap().1.is_empty());

    let again = store.registry_apply(&acme, 0, vec![set("a", "2")]).await.unwrap();
    assert_eq!(store.registry_load(&acme).await.unwrap().unwrap().revision, again);
    assert_eq!(store.registry_changes(removed).await.unwrap().1, [acme]);
}

pub(crate) async fn blobs_are_kept(subject: &impl Subject) {
    let store = subject.store();
    assert!(store.blob_get("sha256:1").await.unwrap().is_none());
    let bytes = Bytes::from(vec![9; 300_000]);
    for _ in 0..2 {
        store.blob_put("sha256:1", bytes.clone()).await.unwrap();
    }
    assert!(store.blob_get("sha256:1").await.unwrap() == Some(bytes));
    assert!(store.blob_get("sha256:2").await.unwrap().is_none());
    for _ in 0..2 {
        store.blob_delete("sha256:1").await.unwrap();
    }
    assert!(store.blob_get("sha256:1").await.unwrap().is_none());
}

fn sorted(mut names: Vec<TenantId>) -> Vec<TenantId> {
    names.sort();
    names
}

pub(crate) async fn what_was_accepted_for_a_tenant_is_forgotten(subject: &impl Subject) {
    let (store, acme, other) = (subject.store(), tenant("acme"), tenant("acme-2"));
    let ids = ["dead", "done", "pending", "leased"];
    accept(subject, submission(&acme, &ids[..2], &[target(1)])).await;
    for (leased, next) in claim(subject, 10, LONG)
        .await
        .iter()
        .zip([Next::Dead, Next::Done])
    {
        settle(subject, settlement(leased, Some(attempt(1, 500)), next)).await;
    }
    for (id, fate) in [
        ("test", Fate::Test),
        (
            "dropped",
            Fate::Filtered {
                reason: String::new(),
            },
        ),
    ] {
        let mut unlisted = submission(&acme, &[id], &[]);
        changed(&mut unlisted, 0).fate = fate;
        accept(subject, unlisted).await;
    }
    accept(subject, submission(&acme, &ids[3..], &[target(1), target(2)])).await;
    let leased = claim(subject, 10, LONG).await;
    assert_eq!(leased.len(), 2);
    accept(subject, submission(&acme, &ids[2..3], &[target(1), target(2)])).await;
    accept(
        subject,
        keyed(submission(&other, &["theirs"], &[target(1)]), "key", 1),
    )
    .await;
    let last = store.feed_back(&acme, FeedPosition::END, 1).await.unwrap().events[0].0;

    while store.forget_tenant(&acme, last).await.unwrap() {}

    for id in ids.iter().chain(&["test", "dropped"]) {
        assert!(
            store.event(&acme, &id.parse().unwrap()).await.unwrap().is_none(),
            "{id}"
        );
        let gone = delivery_id(id, target(1));
        assert!(store.delivery(&acme, &gone).await.unwrap().is_none(), "{id}");
    }
    assert_eq!(store.dead_letters(&acme, None, 10).await.unwrap(), []);
    let page = store.feed(&acme, FeedPosition::START, 10).await.unwrap();
    assert_eq!((page.events.len(), page.kept_from), (0, last));
    for held in &leased {
        assert_eq!(
            settle(subject, settlement(held, Some(attempt(1, 200)), Next::Done)).await,
            Settled::Missing
        );
    }
    assert!(
        store
            .event(&acme, &"leased".parse().unwrap())
            .await
            .unwrap()
            .is_none()
    );
    // The other tenant's data is unchanged.
    assert_eq!(claim_one(subject, LONG).await.event.tenant, other);
    assert_eq!(
        store
            .feed(&other, FeedPosition::START, 10)
            .await
            .unwrap()
            .events
            .len(),
        1
    );

    // A new tenant of the same name may use all ids, and its feed continues.
    let again = accept(subject, submission(&acme, &["dead", "dropped"], &[target(3)])).await;
    assert_eq!(again, stored(&[true, true]));
    let page = store.feed(&acme, last, 10).await.unwrap();
    assert_eq!(page.events.len(), 2);
    // Events accepted after the position stay.
    assert!(!store.forget_tenant(&acme, last).await.unwrap());
    assert_eq!(claim(subject, 10, LONG).await.len(), 2);
}
