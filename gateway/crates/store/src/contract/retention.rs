//! Retention: expired data is removed, events with pending deliveries stay.

use super::*;
use crate::FeedPosition;

pub(crate) async fn what_is_old_and_finished_goes(subject: &impl Subject) {
    let (store, acme) = (subject.store(), tenant("acme"));
    accept(subject, submission(&acme, &["e1", "e2"], &[target(1)])).await;
    let mut unpublished = submission(&acme, &["e3"], &[]);
    changed(&mut unpublished, 0).fate = Fate::Test;
    accept(subject, unpublished).await;
    for (leased, next) in claim(subject, 10, LONG)
        .await
        .iter()
        .zip([Next::Done, Next::Dead])
    {
        settle(subject, settlement(leased, Some(attempt(1, 200)), next)).await;
    }
    subject.pass(OLD).await;
    accept(subject, submission(&acme, &["new"], &[])).await;
    store.sweep().await.unwrap();

    for id in ["e1", "e2", "e3"] {
        assert!(
            store.event(&acme, &id.parse().unwrap()).await.unwrap().is_none(),
            "{id}"
        );
        let gone = delivery_id(id, target(1));
        assert!(store.delivery(&acme, &gone).await.unwrap().is_none(), "{id}");
    }
    assert_eq!(store.dead_letters(&acme, None, 10).await.unwrap(), []);
    let page = store.feed(&acme, FeedPosition::START, 10).await.unwrap();
    let ids: Vec<_> = page.events.iter().map(|(_, e)| e.id.as_str()).collect();
    assert_eq!(ids, ["new"]);
    assert!(
        page.kept_from > FeedPosition::START,
        "a cursor from before has expired"
    );
    assert!(page.kept_from <= page.events[0].0);
    assert_eq!(
        accept(subject, submission(&acme, &["e1"], &[])).await,
        stored(&[true])
    );
    let page = store.feed(&acme, page.events[0].0, 10).await.unwrap();
    assert_eq!(page.events.len(), 1, "positions go on where they were");
}

pub(crate) async fn what_is_pending_stays(subject: &impl Subject) {
    let (store, acme) = (subject.store(), tenant("acme"));
    accept(subject, submission(&acme, &["e1"], &[target(1), target(2)])).await;
    let leased = claim(subject, 10, LONG).await;
    settle(subject, settlement(&leased[0], Some(attempt(1, 200)), Next::Done)).await;
    subject.pass(OLD).await;
    store.sweep().await.unwrap();
    let release = settlement(&leased[1], None, Next::Release);
    assert_eq!(settle(subject, release).await, Settled::Applied(None));
    let again = claim_one(subject, LONG).await;
    assert!(*again.event == event(&acme, "e1"));

    settle(subject, settlement(&again, Some(attempt(1, 200)), Next::Done)).await;
    store.sweep().await.unwrap();
    let id = "e1".parse().unwrap();
    assert!(store.event(&acme, &id).await.unwrap().is_none());
}

pub(crate) async fn keys_expire(subject: &impl Subject) {
    let acme = tenant("acme");
    accept(subject, keyed(submission(&acme, &["e1"], &[]), "key", 1)).await;
    subject.pass(OLD).await;
    let other = keyed(submission(&acme, &["e2"], &[]), "key", 2);
    assert_eq!(
        accept(subject, other).await,
        stored(&[true]),
        "without a sweep too"
    );
    if !subject.stands_still() {
        // The second use may have expired already too.
        return;
    }
    let again = keyed(submission(&acme, &["e3"], &[]), "key", 2);
    assert_eq!(
        accept(subject, again).await,
        Accepted::Repeated(vec!["e2".parse().unwrap()])
    );
}
