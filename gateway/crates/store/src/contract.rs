//! Contract suite: tests that every store must pass.
//!
//! Each case is a function over a [`Subject`]; `contract_suite!` makes one `#[test]` of each for a
//! store, so that a failing case names the store.

pub(crate) mod accepting;
pub(crate) mod attempt_log;
pub(crate) mod feed;
pub(crate) mod history;
pub(crate) mod interrupted;
pub(crate) mod leasing;
pub(crate) mod notes;
pub(crate) mod registry;
pub(crate) mod retention;
pub(crate) mod series;
pub(crate) mod settling;
pub(crate) mod stats;
pub(crate) mod usage;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::{
    Accepted, Endpoint, Idempotency, Interrupted, LeasePolicy, Leased, NewEvent, Next, NoteOwner, Pick,
    Retention, Settled, Settlement, Shard, Store, StoreError, Submission, Token,
};
use hookgate_domain::units::Span;
use hookgate_domain::{
    Attempt, Delivery, DeliveryId, Event, Fate, Outcome, StoredLimits, SubscriptionId, Target, TenantId,
    Timestamp,
};

/// Lease longer than any test.
pub(crate) const LONG: Duration = Duration::from_secs(60);
/// Lease short enough to wait for in a test.
pub(crate) const SHORT: Duration = Duration::from_millis(250);

/// Age at which everything has expired with `Settings::forgetful`.
pub(crate) const OLD: Duration = Duration::from_millis(1_600);

/// Store under test, separate for each case, with control of its time.
#[async_trait]
pub(crate) trait Subject: Send + Sync {
    /// The store.
    fn store(&self) -> &Arc<dyn Store>;

    /// Waits until at least this much of the store's time has passed.
    async fn pass(&self, time: Duration);

    /// Returns `true` if the store's time advances only by `pass`.
    fn stands_still(&self) -> bool;
}

/// Settings of the store that a case needs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    /// Retention of the store.
    pub(crate) retention: Retention,
}

impl Settings {
    /// Settings with a short retention.
    pub(crate) fn forgetful() -> Self {
        let retention = Retention {
            events: Span::from_millis(1_500),
            idempotency_keys: Span::from_millis(1_500),
            attempt_log: 100,
            attempt_log_age: Span::from_millis(1_500),
            ..Retention::default()
        };
        Self { retention }
    }
}

/// Makes a test of every case.
/// Usage: `contract_suite!(fresh)`, where `async fn fresh(Settings) -> impl Subject`.
macro_rules! contract_suite {
    ($fresh:path) => {
        contract_suite! { @with $fresh, default;
            accepting: an_accepted_event_is_there a_given_id_is_accepted_once a_key_repeats_its_answer
                a_key_for_another_request_changes_nothing keys_and_ids_are_by_tenant submissions_are_answered_in_order
                one_key_at_the_same_time_stores_once held_deliveries_are_leased_from_the_start
                the_largest_record_is_bounded_and_kept many_at_once;
            leasing: a_lease_is_exclusive a_lease_that_ran_out_is_given_again the_longest_due_comes_first
                a_claim_tells_how_late_it_is
                no_more_than_asked_for the_next_due_time_is_exact concurrent_claims_share_nothing a_lease_is_extended
                a_lease_that_ended_is_extended_until_it_is_claimed a_lease_is_released endpoints_take_turns a_hold_is_one_record_for_all_that_waits
                some_targets_are_held_and_others_due;
            interrupted: a_crash_is_counted_once_and_ends_the_lease an_outcome_ends_the_count
                a_crash_of_what_has_ended_counts_nothing a_crash_leaves_anothers_lease;
            settling: a_success_ends_it a_retry_keeps_the_body_and_the_count a_stale_token_changes_nothing
                a_late_success_counts a_dead_delivery_is_a_dead_letter a_cancelled_delivery_is_never_claimed
                a_shadowed_delivery_ends_with_its_request
                what_does_not_exist_is_missing attempts_are_kept_in_order a_replay_is_one_delivery_more
                settlements_are_answered_in_order;
            feed: the_feed_is_in_commit_order pages_meet_both_ways pages_end_with_their_bytes what_is_not_published_is_in_no_feed feeds_never_mix
                a_time_is_a_place_in_the_feed any_position_has_a_page;
            registry: an_entry_is_kept_and_removed a_late_change_conflicts changes_are_told_since a_tenant_goes_and_comes
                blobs_are_kept
                what_was_accepted_for_a_tenant_is_forgotten;
            attempt_log: settled_attempts_are_logged_newest_last what_changes_nothing_is_in_no_log
                events_of_a_key_are_found;
            series: counts_are_added_by_minute_and_by_hour waiting_deliveries_are_told_by_target;
            stats: attempts_are_counted_with_their_settlements what_is_not_applied_or_told_is_not_counted
                old_buckets_go_when_a_new_one_begins statistics_are_forgotten;
            usage: usage_is_what_was_stored_and_has_not_ended submission_over_a_limit_stores_nothing
                duplicates_add_nothing_to_usage replays_over_the_limit_are_refused_whole forgotten_tenant_uses_nothing;
            notes: a_note_is_whose_it_was_first a_note_is_replaced_by_who_knows_it a_note_goes_at_its_end
                notes_of_an_owner_are_counted_and_bounded;
            history: any_history_is_as_the_model_says;
        }
        contract_suite! { @with $fresh, forgetful;
            retention: what_is_old_and_finished_goes what_is_pending_stays keys_expire;
            usage: old_events_free_their_bytes;
            attempt_log: log_is_capped_by_number log_is_capped_by_age;
        }
    };
    (@with $fresh:path, $settings:ident; $($module:ident: $($case:ident)*;)*) => {$($(
        #[tokio::test]
        async fn $case() {
            let subject = $fresh($crate::contract::Settings::$settings()).await;
            $crate::contract::$module::$case(&subject).await;
        }
    )*)*};
}
pub(crate) use contract_suite;

/// Tenant of this name.
pub(crate) fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

/// Target of a subscription with this number.
pub(crate) fn target(number: u128) -> Target {
    Target::Subscription(SubscriptionId::new(ulid::Ulid(number)))
}

/// A published event.
pub(crate) fn event(tenant: &TenantId, id: &str) -> Event {
    Event {
        id: id.parse().unwrap(),
        tenant: tenant.clone(),
        kind: "invoice.paid".parse().unwrap(),
        created: Timestamp::from_millis(1_700_000_000_000),
        accepted: Timestamp::from_millis(1_700_000_000_500),
        data: Bytes::from(format!(r#"{{"of":"{tenant}","id":"{id}"}}"#)),
        metadata: None,
        deliver_to: None,
        fate: Fate::Published,
        steps: vec![],
        rules: Default::default(),
        hops: Default::default(),
        trace: None,
    }
}

/// Submission of events with these ids, each to these targets, due at once.
pub(crate) fn submission(tenant: &TenantId, ids: &[&str], targets: &[Target]) -> Submission {
    let new = |id: &&str| NewEvent {
        event: Arc::new(event(tenant, id)),
        targets: targets.to_vec(),
        id_given: true,
    };
    Submission {
        tenant: tenant.clone(),
        events: ids.iter().map(new).collect(),
        idempotency: None,
        lease: LeasePolicy::Due,
        limits: StoredLimits::default(),
    }
}

/// An event of a submission, to be changed.
pub(crate) fn changed(submission: &mut Submission, index: usize) -> &mut Event {
    Arc::make_mut(&mut submission.events[index].event)
}

/// The submission under an idempotency key, of a request with this fingerprint.
pub(crate) fn keyed(mut submission: Submission, key: &str, request: u8) -> Submission {
    submission.idempotency = Some(Idempotency {
        key: key.to_owned(),
        fingerprint: [request; 32],
    });
    submission
}

/// Expected answer to storing events that are due at once; `fresh` flags the new ones.
pub(crate) fn stored(fresh: &[bool]) -> Accepted {
    Accepted::Stored {
        fresh: fresh.to_vec(),
        token: None,
    }
}

/// An attempt with this number and status.
pub(crate) fn attempt(number: u32, status: u16) -> Attempt {
    let outcome = match status {
        200..300 => Outcome::Delivered { status },
        _ => Outcome::Refused {
            status,
            retry_after: None,
        },
    };
    Attempt {
        number,
        started: Timestamp::from_millis(1_700_000_000_000 + u64::from(number)),
        took: Duration::from_millis(7),
        outcome,
        response: b"ok".to_vec(),
        steps: Vec::new(),
    }
}

/// Id of a run-0 delivery.
pub(crate) fn delivery_id(event: &str, target: Target) -> DeliveryId {
    DeliveryId {
        event: event.parse().unwrap(),
        target,
        run: 0,
    }
}

/// Settlement of a leased delivery.
pub(crate) fn settlement(leased: &Leased, attempt: Option<Attempt>, next: Next) -> Settlement {
    Settlement {
        tenant: leased.event.tenant.clone(),
        id: leased.id.clone(),
        token: leased.token,
        attempt,
        about: None,
        tally: None,
        next,
    }
}

/// Accepts one submission.
pub(crate) async fn accept(subject: &impl Subject, submission: Submission) -> Accepted {
    let mut answers = subject.store().accept(vec![submission]).await;
    assert_eq!(answers.len(), 1);
    answers.remove(0).unwrap()
}

/// Claims from every shard; with one tenant, that is one shard's answer.
pub(crate) async fn claim(subject: &impl Subject, max: usize, lease: Duration) -> Vec<Leased> {
    let mut leased = vec![];
    for shard in 0..subject.store().shards() {
        let claimed = subject.store().claim(Shard(shard), max, lease).await.unwrap();
        leased.extend(claimed.leased);
    }
    leased
}

/// Claims the only delivery that is due.
pub(crate) async fn claim_one(subject: &impl Subject, lease: Duration) -> Leased {
    let mut leased = claim(subject, 10, lease).await;
    assert_eq!(leased.len(), 1, "one delivery is due");
    leased.remove(0)
}

/// Settles one delivery.
pub(crate) async fn settle(subject: &impl Subject, settlement: Settlement) -> Settled {
    let mut answers = subject.store().settle(vec![settlement]).await;
    assert_eq!(answers.len(), 1);
    answers.remove(0).unwrap()
}

/// A delivery and its attempts.
pub(crate) async fn delivery(
    subject: &impl Subject,
    tenant: &TenantId,
    id: &DeliveryId,
) -> (Delivery, Vec<Attempt>) {
    subject.store().delivery(tenant, id).await.unwrap().unwrap()
}

/// Time of the next due delivery of any shard; takes none.
pub(crate) async fn next_due(subject: &impl Subject) -> Option<Timestamp> {
    let mut next = None;
    for shard in 0..subject.store().shards() {
        let claimed = subject.store().claim(Shard(shard), 0, LONG).await.unwrap();
        next = next.into_iter().chain(claimed.next_due).min();
    }
    next
}

/// The store's time.
pub(crate) async fn now(subject: &impl Subject) -> Timestamp {
    subject.store().claim(Shard(0), 0, LONG).await.unwrap().now
}
