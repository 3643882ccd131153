//! Decides whether a subscription fails too often: one pure function.

use crate::system_events::Figures;
use hookgate_contract::profile::AutoDisable;
use hookgate_domain::stats::Bucket;
use hookgate_domain::{Stats, Subscription, Tally, Timestamp};

/// Decision on a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Finding {
    /// Set when the owner is to be warned, and was not warned within the window.
    pub(super) warn: bool,
    /// Set when the subscription is to be disabled.
    pub(super) disable: bool,
    /// Attempts within the window.
    pub(super) figures: Figures,
}

/// Judges an active subscription; `None`: nothing is to be done.
///
/// It is disabled if more than `over` of its attempts within the window failed, there were
/// `least_attempts` of them, and the first bucket with a failure ended `for_at_least` ago. The last
/// condition exists because a backlog uses up any count within a second, and a failed deployment
/// should not disable an endpoint.
///
/// The warning needs half as many attempts, so that it comes first even if all fail; a disabled
/// subscription was always warned of. Only attempts since the last activation and within the window
/// count.
pub(super) fn judge(
    policy: &AutoDisable,
    stats: &Stats,
    subscription: &Subscription,
    now: Timestamp,
) -> Option<Finding> {
    let from = now.minus(policy.window).max(subscription.activated);
    let counts = stats.since(from);
    let (attempts, share) = (counts.attempts(), counts.share_failed());
    let least = u64::from(policy.least_attempts).max(1);
    let disable = attempts >= least && share > policy.over && has_failed_for(policy, stats, from, now);
    let warned = subscription.warned.is_some_and(|warned| warned >= from);
    let failing = policy
        .warn_over
        .is_some_and(|warn_over| attempts >= least.div_ceil(2) && share > warn_over);
    let warn = !warned && (failing || (disable && policy.warn_over.is_some()));
    (warn || disable).then_some(Finding {
        warn,
        disable,
        figures: Figures {
            attempts,
            failed: counts.failed(),
        },
    })
}

/// Checks that the failures are old enough.
///
/// A bucket ends at the start of the next one. So the time is at least the required one, and at
/// most one bucket longer.
fn has_failed_for(policy: &AutoDisable, stats: &Stats, from: Timestamp, now: Timestamp) -> bool {
    if policy.for_at_least.is_zero() {
        return true;
    }
    let failing = |bucket: &&Bucket| bucket.start >= from && bucket.counts.failed() > 0;
    let first = stats.buckets.iter().find(failing);
    first.is_some_and(|first| {
        first
            .start
            .plus(policy.for_at_least + Tally::width(policy.window))
            <= now
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use hookgate_domain::stats::FAILED;
    use hookgate_domain::{PayloadMode, Status, SubscriptionId};

    const HOUR: Duration = Duration::from_secs(3600);
    const DAY: Duration = Duration::from_secs(24 * 3600);
    const START: Timestamp = Timestamp::from_millis(1_700_000_000_123);

    /// Policy of the SynthesQ document: over 95 % within 24 hours, of 10 attempts or more.
    const POLICY: AutoDisable = AutoDisable {
        over: 0.95,
        window: DAY,
        least_attempts: 10,
        for_at_least: Duration::ZERO,
        warn_over: Some(0.8),
    };

    fn subscription() -> Subscription {
        Subscription {
            id: SubscriptionId::new(ulid::Ulid(1)),
            tenant: "acme".parse().expect("a tenant"),
            url: "https://example.com".parse().expect("a URL"),
            events: Vec::new(),
            filter: None,
            description: None,
            status: Status::Active,
            secrets: Vec::new(),
            headers: Vec::new(),
            timeout: None,
            retry: None,
            payload: PayloadMode::Full,
            created: START,
            activated: START,
            warned: None,
            owner: Default::default(),
            mode: Default::default(),
        }
    }

    /// Counts attempts at a time, as delivery counts them.
    fn count(stats: &mut Stats, of: &Subscription, at: Timestamp, delivered: u64, failed: u64) {
        let tally = Tally::new(of.id, of.activated, DAY, at);
        let counts = stats.bucket(tally.bucket);
        counts.0[0] += delivered;
        counts.0[FAILED] += failed;
    }

    fn found(stats: &Stats, of: &Subscription, now: Timestamp) -> (bool, bool) {
        judge(&POLICY, stats, of, now).map_or((false, false), |finding| (finding.warn, finding.disable))
    }

    #[test]
    fn to_the_letter() {
        let of = subscription();
        for (delivered, failed, warn, disable) in [
            (0, 4, false, false),
            (0, 5, true, false),
            (0, 9, true, false),
            (0, 10, true, true),
            (1, 9, true, false),
            (1, 19, true, false),
            (1, 20, true, true),
            (5, 95, true, false),
            (5, 96, true, true),
            (2, 8, false, false),
            (20, 80, false, false),
            (19, 81, true, false),
            (100, 0, false, false),
        ] {
            let mut stats = Stats::default();
            count(&mut stats, &of, START, delivered, failed);
            assert_eq!(
                found(&stats, &of, START.plus(HOUR)),
                (warn, disable),
                "{delivered} {failed}"
            );
        }
    }

    #[test]
    fn the_window_rolls_and_counts_nothing_that_is_older() {
        let (of, mut stats) = (subscription(), Stats::default());
        count(&mut stats, &of, START, 0, 5);
        count(&mut stats, &of, START.plus(12 * HOUR), 0, 5);
        assert_eq!(found(&stats, &of, START.plus(DAY)), (true, true));
        let later = START.plus(DAY + Duration::from_millis(1));
        assert_eq!(found(&stats, &of, later), (true, false), "five are too old");
        assert_eq!(found(&stats, &of, START.plus(2 * DAY)), (false, false));
    }

    #[test]
    fn a_warning_is_given_once_a_window() {
        let (mut of, mut stats) = (subscription(), Stats::default());
        of.warned = Some(START.plus(HOUR));
        count(&mut stats, &of, START.plus(HOUR), 0, 9);
        assert_eq!(found(&stats, &of, START.plus(2 * HOUR)), (false, false));
        count(&mut stats, &of, START.plus(2 * HOUR), 0, 1);
        assert_eq!(found(&stats, &of, START.plus(3 * HOUR)), (false, true));
        let next_day = START.plus(26 * HOUR);
        count(&mut stats, &of, next_day, 0, 5);
        assert_eq!(found(&stats, &of, next_day.plus(HOUR)), (true, false));
    }

    #[test]
    fn an_activation_begins_anew() {
        let (mut of, mut stats) = (subscription(), Stats::default());
        let minute = Duration::from_secs(60);
        count(&mut stats, &of, START.plus(minute), 0, 100);
        of.activated = START.plus(2 * minute);
        assert_eq!(found(&stats, &of, START.plus(3 * minute)), (false, false));
        count(&mut stats, &of, START.plus(3 * minute), 0, 9);
        assert_eq!(found(&stats, &of, START.plus(4 * minute)), (true, false));
        count(&mut stats, &of, START.plus(4 * minute), 0, 1);
        assert_eq!(found(&stats, &of, START.plus(4 * minute)), (true, true));
    }

    #[test]
    fn auto_disable_needs_time_as_well_as_a_count() {
        let (of, mut stats) = (subscription(), Stats::default());
        let policy = AutoDisable {
            for_at_least: HOUR,
            ..POLICY
        };
        let found = |stats: &Stats, now| judge(&policy, stats, &of, now).map(|f| (f.warn, f.disable));
        count(&mut stats, &of, START, 0, 10_000);
        assert_eq!(
            found(&stats, START.plus(Duration::from_secs(1))),
            Some((true, false))
        );
        assert_eq!(
            found(&stats, START.plus(HOUR)),
            Some((true, false)),
            "its bucket may be younger"
        );
        count(&mut stats, &of, START.plus(2 * HOUR), 0, 1);
        assert_eq!(found(&stats, START.plus(2 * HOUR)), Some((true, true)));
        // Among 500 successes, a few failures neither warn nor disable.
        let (of, mut stats) = (subscription(), Stats::default());
        count(&mut stats, &of, START, 500, 1);
        count(&mut stats, &of, START.plus(3 * HOUR), 0, 10);
        assert_eq!(judge(&policy, &stats, &of, START.plus(3 * HOUR)), None);
    }

    #[test]
    fn without_warnings_there_are_none() {
        let (of, mut stats) = (subscription(), Stats::default());
        count(&mut stats, &of, START, 0, 10);
        let policy = AutoDisable {
            warn_over: None,
            ..POLICY
        };
        let finding = judge(&policy, &stats, &of, START.plus(HOUR)).expect("it fails");
        assert_eq!((finding.warn, finding.disable), (false, true));
        assert_eq!((finding.figures.attempts, finding.figures.failed), (10, 10));
    }
}
