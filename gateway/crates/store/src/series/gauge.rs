//! Gauges of pending deliveries: samples that are added up like counts, and divided by the number of samples when they are read.
//!
//! Each sample covers all tenants at once, so that one number of samples, the operator's, serves all of them: a tenant without
//! pending deliveries needs no row to have none.

use std::collections::HashMap;
use std::time::Duration;

use super::{Apart, Cells, Counting, OVERDUE, PENDING, Pending, SAMPLES, SeriesKey, SeriesStep};
use hookgate_domain::{Target, TenantId, Timestamp};

/// Pending deliveries of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The target.
    pub target: Target,
    /// Number of its pending deliveries.
    pub pending: u64,
    /// Time for which the delivery that was due first has been due; 0 if none is due. What a process holds under a lease, and
    /// a retry whose time has not come, is not due.
    pub overdue: Duration,
}

/// Sample of the pending deliveries of all tenants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Time of the sample.
    pub at: Timestamp,
    /// The tenants that have pending deliveries.
    pub tenants: Vec<TenantSample>,
}

/// Sample of a tenant's pending deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantSample {
    /// The tenant.
    pub tenant: TenantId,
    /// Number of all its pending deliveries.
    pub pending: u64,
    /// Its targets that have some.
    pub targets: Vec<Waiting>,
}

impl Cells {
    /// Number of samples; of the operator's counts only.
    pub fn samples(&self) -> u64 {
        self.0[SAMPLES]
    }

    /// Mean of the pending deliveries over this number of samples, rounded up.
    pub fn pending(&self, samples: u64) -> u64 {
        self.0[PENDING].div_ceil(samples.max(1))
    }

    /// Mean of the time for which the delivery that was due first had been due, over this number of samples, in milliseconds.
    pub fn overdue_ms(&self, samples: u64) -> u64 {
        self.0[OVERDUE].div_ceil(samples.max(1))
    }

    /// Counts of a sample.
    fn sampled(pending: u64, overdue: Duration) -> Self {
        let mut cells = Self::default();
        cells.0[PENDING] = pending;
        cells.0[OVERDUE] = u64::try_from(overdue.as_millis()).unwrap_or(u64::MAX);
        cells
    }

    /// Adds another target's sample: deliveries add up, and of two times the longer counts.
    fn join(&mut self, other: &Self) {
        self.0[PENDING] = self.0[PENDING].saturating_add(other.0[PENDING]);
        self.0[OVERDUE] = self.0[OVERDUE].max(other.0[OVERDUE]);
    }
}

impl Counting {
    /// Adds a sample.
    pub(crate) fn sampled(&self, sample: Sample) {
        let (mut longest, minute) = (Duration::ZERO, SeriesStep::Minute.start(sample.at));
        let mut pending = self.lock();
        let Pending {
            minutes,
            apart,
            hasher,
        } = &mut *pending;
        for TenantSample {
            tenant,
            pending,
            targets,
        } in sample.tenants
        {
            let overdue = targets.iter().map(|one| one.overdue).max().unwrap_or_default();
            longest = longest.max(overdue);
            let apart = Apart::of(apart, &tenant, sample.at);
            let mut of_keys = HashMap::from([(SeriesKey::All, Cells::sampled(pending, overdue))]);
            for one in targets {
                let key = apart.admit(SeriesKey::Target(one.target), hasher);
                let cells = Cells::sampled(one.pending, one.overdue);
                of_keys.entry(key).or_default().join(&cells);
            }
            add(minutes.entry((tenant, minute)).or_default(), of_keys);
        }
        // Pending deliveries of the operator's counts are the sum of the tenants'.
        let mut cells = Cells::sampled(0, longest);
        cells.0[SAMPLES] = 1;
        let operators = minutes.entry((TenantId::operator(), minute)).or_default();
        add(operators, HashMap::from([(SeriesKey::All, cells)]));
    }
}

fn add(minute: &mut HashMap<SeriesKey, Cells>, more: HashMap<SeriesKey, Cells>) {
    for (key, cells) in more {
        minute.entry(key).or_default().add(&cells);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{MOST_KEYS, RollUp};
    use super::*;
    use hookgate_domain::SubscriptionId;

    fn target(number: u128) -> Target {
        Target::Subscription(SubscriptionId::new(ulid::Ulid(number)))
    }

    #[test]
    fn samples_add_up_to_means_with_bounded_keys() {
        let counting = Counting::default();
        let at = Timestamp::from_millis(61_000);
        let waiting = |number: u128, pending| Waiting {
            target: target(number),
            pending,
            overdue: Duration::from_millis(u64::try_from(number).unwrap()),
        };
        let of = |tenant: &str, targets: Vec<Waiting>| TenantSample {
            tenant: tenant.parse().unwrap(),
            pending: targets.iter().map(|one| one.pending).sum(),
            targets,
        };
        let many = (0..150).map(|number| waiting(number, 2)).collect();
        let (acme, globex) = (of("acme", many), of("globex", vec![waiting(700, 5)]));
        counting.sampled(Sample {
            at,
            tenants: vec![acme, globex],
        });
        counting.sampled(Sample { at, tenants: vec![] });
        let taken = counting.take();
        let get = |tenant: &TenantId, key: &SeriesKey| {
            let found = taken.iter().find(|one| one.tenant == *tenant && one.key == *key);
            let RollUp { cells, minute, .. } = found.unwrap();
            assert_eq!(*minute, Timestamp::from_millis(60_000));
            *cells
        };
        let acme: TenantId = "acme".parse().unwrap();
        let all = get(&TenantId::operator(), &SeriesKey::All);
        assert_eq!(all.samples(), 2);
        assert_eq!((all.pending(2), all.overdue_ms(2)), (153, 350));
        let whole = get(&acme, &SeriesKey::All);
        assert_eq!((whole.pending(2), whole.overdue_ms(2)), (150, 75));
        let other = get(&acme, &SeriesKey::OtherTargets);
        assert_eq!((other.pending(2), other.overdue_ms(1)), (50, 149));
        let of_acme = taken.iter().filter(|one| one.tenant == acme);
        assert_eq!(of_acme.count(), MOST_KEYS + 2);
    }
}
