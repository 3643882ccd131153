//! Feed: every published event once, in commit order, from any position in both directions.

use super::*;
use crate::{FEED_PAGE_BYTES, FeedPage, FeedPosition};
use hookgate_domain::Trigger;

fn ids(page: &FeedPage) -> Vec<&str> {
    page.events.iter().map(|(_, event)| event.id.as_str()).collect()
}

pub(crate) async fn the_feed_is_in_commit_order(subject: &impl Subject) {
    let acme = tenant("acme");
    accept(subject, submission(&acme, &["z", "a"], &[target(1)])).await;
    accept(subject, submission(&acme, &["m", "a", "b"], &[])).await;
    let page = subject
        .store()
        .feed(&acme, FeedPosition::START, 10)
        .await
        .unwrap();
    assert_eq!(ids(&page), ["z", "a", "m", "b"], "a duplicate is in it once");
    assert!(page.events[0].1 == event(&acme, "z"));
    assert!(page.events.is_sorted_by(|a, b| a.0 < b.0));
    assert!(!page.more);
    assert_eq!(page.kept_from, FeedPosition::START);

    let last = page.events[3].0;
    let beyond = subject.store().feed(&acme, last, 10).await.unwrap();
    assert!(beyond.events.is_empty() && !beyond.more);
    accept(subject, submission(&acme, &["new"], &[])).await;
    let beyond = subject.store().feed(&acme, last, 10).await.unwrap();
    assert_eq!(ids(&beyond), ["new"], "a cursor never skips");
}

pub(crate) async fn pages_meet_both_ways(subject: &impl Subject) {
    let acme = tenant("acme");
    let names = ["e1", "e2", "e3", "e4", "e5"];
    for id in names {
        accept(subject, submission(&acme, &[id], &[])).await;
    }
    let store = subject.store();
    let mut forward = vec![];
    let mut at = FeedPosition::START;
    loop {
        let page = store.feed(&acme, at, 2).await.unwrap();
        assert!(page.events.len() <= 2);
        at = page.events.last().unwrap().0;
        forward.extend(page.events);
        if !page.more {
            break;
        }
    }
    let mut back = vec![];
    let mut at = FeedPosition::END;
    loop {
        let page = store.feed_back(&acme, at, 2).await.unwrap();
        assert!(page.events.len() <= 2);
        at = page.events.last().unwrap().0;
        back.extend(page.events);
        if !page.more {
            break;
        }
    }
    let read: Vec<_> = forward.iter().map(|(_, event)| event.id.as_str()).collect();
    assert_eq!(read, names);
    back.reverse();
    assert!(forward == back, "the same events at the same positions");
    let middle = store.feed_back(&acme, forward[2].0, 10).await.unwrap();
    assert_eq!(ids(&middle), ["e2", "e1"], "before a position, without it");
}

/// A page ends with the event that fills its bytes, whatever the limit; the pages omit nothing.
pub(crate) async fn pages_end_with_their_bytes(subject: &impl Subject) {
    let acme = tenant("acme");
    let mut random = proptest::test_runner::TestRunner::deterministic();
    let sizes = proptest::collection::vec(0_usize..(3 << 20), 24);
    let sizes = proptest::strategy::Strategy::new_tree(&sizes, &mut random).unwrap();
    let sizes = proptest::strategy::ValueTree::current(&sizes);
    let mut names = Vec::new();
    for (n, size) in sizes.into_iter().enumerate() {
        names.push(format!("e{n}"));
        let mut one = submission(&acme, &[names[n].as_str()], &[]);
        changed(&mut one, 0).data = Bytes::from(format!("\"{}\"", "x".repeat(size)));
        accept(subject, one).await;
    }
    for limit in [1, 3, 100] {
        let (mut read, mut at) = (Vec::new(), FeedPosition::START);
        loop {
            let page = subject.store().feed(&acme, at, limit).await.unwrap();
            let sizes: Vec<usize> = page.events.iter().map(|(_, event)| event.size()).collect();
            let (last, before) = sizes.split_last().unwrap();
            let bytes: usize = before.iter().sum();
            assert!(bytes < FEED_PAGE_BYTES, "{bytes} and {last}, of {limit} at most");
            assert!(page.events.len() <= limit);
            at = page.events.last().unwrap().0;
            read.extend(page.events.iter().map(|(_, event)| event.id.to_string()));
            if !page.more {
                break;
            }
        }
        assert_eq!(read, names, "{limit} at most");
    }
}

pub(crate) async fn what_is_not_published_is_in_no_feed(subject: &impl Subject) {
    let acme = tenant("acme");
    let mut mixed = submission(&acme, &["filtered", "published", "test"], &[]);
    changed(&mut mixed, 0).fate = Fate::Filtered {
        reason: "noise".to_owned(),
    };
    changed(&mut mixed, 0).data = Bytes::new();
    changed(&mut mixed, 2).fate = Fate::Test;
    mixed.events[2].targets = vec![target(1)];
    accept(subject, mixed).await;
    let store = subject.store();
    let page = store.feed(&acme, FeedPosition::START, 10).await.unwrap();
    assert_eq!(ids(&page), ["published"]);
    let page = store.feed_back(&acme, FeedPosition::END, 10).await.unwrap();
    assert_eq!(ids(&page), ["published"]);
    let filtered = store.event(&acme, &"filtered".parse().unwrap()).await.unwrap();
    assert!(matches!(filtered.unwrap().event.fate, Fate::Filtered { .. }));
    let tried = claim_one(subject, LONG).await;
    assert_eq!(
        (tried.id, tried.trigger),
        (delivery_id("test", target(1)), Trigger::Test)
    );
}

pub(crate) async fn feeds_never_mix(subject: &impl Subject) {
    let (acme, other) = (tenant("acme"), tenant("acme-2"));
    for round in 0..3 {
        for of in [&acme, &other] {
            let id = format!("{of}.{round}");
            accept(subject, submission(of, &[&id], &[])).await;
        }
    }
    for of in [&acme, &other] {
        let page = subject.store().feed(of, FeedPosition::START, 10).await.unwrap();
        assert_eq!(page.events.len(), 3);
        assert!(page.events.iter().all(|(_, event)| event.tenant == *of));
        let page = subject
            .store()
            .feed_back(of, FeedPosition::END, 10)
            .await
            .unwrap();
        assert_eq!(page.events.len(), 3);
    }
    let none = subject
        .store()
        .feed(&tenant("nobody"), FeedPosition::START, 10)
        .await;
    assert!(none.unwrap().events.is_empty());
}

pub(crate) async fn a_time_is_a_place_in_the_feed(subject: &impl Subject) {
    let (store, acme) = (subject.store(), tenant("acme"));
    let none = store.feed_since(&acme, now(subject).await).await.unwrap();
    assert!(ids(&store.feed(&acme, none, 10).await.unwrap()).is_empty());
    let mut times = vec![];
    for id in ["e1", "e2", "e3"] {
        times.push(now(subject).await);
        let mut unpublished = submission(&acme, &[&format!("{id}.test")], &[]);
        changed(&mut unpublished, 0).fate = Fate::Test;
        accept(subject, unpublished).await;
        accept(subject, submission(&acme, &[id], &[])).await;
        subject.pass(SHORT).await;
    }
    times.push(now(subject).await);
    for (time, expected) in times
        .iter()
        .zip([&["e1", "e2", "e3"][..], &["e2", "e3"], &["e3"], &[]])
    {
        let place = store.feed_since(&acme, *time).await.unwrap();
        assert_eq!(ids(&store.feed(&acme, place, 10).await.unwrap()), expected);
    }
    let start = store.feed_since(&acme, Timestamp::default()).await.unwrap();
    assert_eq!(start, FeedPosition::START);
}

/// Every position has a page: positions beyond both ends have empty ones.
pub(crate) async fn any_position_has_a_page(subject: &impl Subject) {
    let acme = tenant("acme");
    accept(subject, submission(&acme, &["e1", "e2"], &[target(1)])).await;
    let at = |major, minor| FeedPosition { major, minor };
    let store = subject.store();
    for (position, after, before) in [
        (FeedPosition::START, 2, 0),
        (FeedPosition::END, 0, 2),
        (at(0, u64::MAX), 2, 0),
        (at(u64::MAX, 0), 0, 2),
        (at(u64::MAX, u64::MAX - 1), 0, 2),
        (at(u64::MAX - 1, u64::MAX), 0, 2),
        (at(0, 1), 2, 0),
    ] {
        let page = store.feed(&acme, position, 10).await.unwrap();
        assert_eq!(page.events.len(), after, "after {position:?}");
        let page = store.feed_back(&acme, position, 10).await.unwrap();
        assert_eq!(page.events.len(), before, "before {position:?}");
    }
    for micros in [0, 1, u64::MAX - 1, u64::MAX] {
        let before = Some(Timestamp::from_micros(micros));
        let letters = store.dead_letters(&acme, before, 10).await.unwrap();
        assert_eq!(letters, [], "{micros}");
        store
            .feed_since(&acme, Timestamp::from_micros(micros))
            .await
            .unwrap();
    }
}
