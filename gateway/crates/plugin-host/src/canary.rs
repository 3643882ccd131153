//! Canary: another version of a step's plugin for a share of the events, stopped when it fails too
//! often.
//!
//! The event's id alone decides which version gets an event, so every gateway and every retry
//! decides the same. An event whose canary fails is given to the stable version, as if the canary
//! had never been called.

use std::sync::{Mutex, PoisonError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedSender;

use super::Step;
use hookgate_domain::TenantId;
use hookgate_domain::units::Span;

/// Failure threshold that stops a canary.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CanaryConfig {
    /// Length of the window in which calls are counted; the counters restart with each window.
    pub window: Span,
    /// Minimum number of calls before the failure rate is judged.
    pub calls: u32,
    /// Share of failed calls, 0 to 1, above which the canary is stopped.
    pub failures: f64,
}

impl Default for CanaryConfig {
    fn default() -> Self {
        Self {
            window: Span::from_secs(60),
            calls: 20,
            failures: 0.1,
        }
    }
}

/// Another version for a share of a step's events.
#[derive(Debug)]
pub struct Canary {
    step: Box<Step>,
    millionths: u32,
    seed: u64,
    watch: std::sync::Arc<Watch>,
}

/// Counts a canary's calls in this process.
#[derive(Debug)]
pub struct Watch {
    rules: CanaryConfig,
    what: Watched,
    counts: Mutex<Counts>,
    tell: UnboundedSender<Tripped>,
}

/// Identity of a watched canary.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Watched {
    /// Tenant.
    pub tenant: TenantId,
    /// Chain, as its owner names it.
    pub place: String,
    /// Plugin.
    pub plugin: String,
    /// Digest of the canary's version.
    pub digest: String,
}

/// Report of a canary that failed too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tripped {
    /// The canary.
    pub what: Watched,
    /// Number of calls in the window.
    pub calls: u32,
    /// Number of failed calls in the window.
    pub failures: u32,
}

#[derive(Debug, Default)]
struct Counts {
    since_ms: u64,
    calls: u32,
    failures: u32,
    tripped: bool,
}

impl Canary {
    /// Creates a canary. `step` is the step with the other version; it gets `millionths` of the
    /// events.
    pub fn new(step: Step, millionths: u32, watch: std::sync::Arc<Watch>) -> Self {
        // Its failures must be visible here; the stable version is the fallback.
        let step = Box::new(Step {
            on_failure: super::OnFailure::Fail,
            canary: None,
            ..step
        });
        Self {
            seed: hash(FNV_OFFSET, watch.what.digest.as_bytes()),
            step,
            millionths,
            watch,
        }
    }

    pub(super) fn step(&self) -> &Step {
        &self.step
    }

    /// Checks that an event belongs to the canary's share.
    pub(super) fn takes(&self, event: &str) -> bool {
        mixed(hash(self.seed, event.as_bytes())) % 1_000_000 < u64::from(self.millionths)
    }

    pub(super) fn called(&self, failed: bool, now_ms: u64) {
        self.watch.called(failed, now_ms);
    }
}

impl Watch {
    /// Creates a watch with empty counters. It sends once to `tell`, when the canary failed too
    /// often.
    pub fn new(rules: CanaryConfig, what: Watched, tell: UnboundedSender<Tripped>) -> Self {
        Self {
            rules,
            what,
            counts: Mutex::default(),
            tell,
        }
    }

    fn called(&self, failed: bool, now_ms: u64) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let window = u64::try_from(self.rules.window.get().as_millis()).unwrap_or(u64::MAX);
        if now_ms.saturating_sub(counts.since_ms) >= window {
            (counts.since_ms, counts.calls, counts.failures) = (now_ms, 0, 0);
        }
        counts.calls += 1;
        counts.failures += u32::from(failed);
        let (calls, failures) = (counts.calls, counts.failures);
        let over = f64::from(failures) > f64::from(calls) * self.rules.failures;
        if counts.tripped || calls < self.rules.calls || !over {
            return;
        }
        counts.tripped = true;
        drop(counts);
        // The receiver is closed only when the gateway ends.
        let _ = self.tell.send(Tripped {
            what: self.what.clone(),
            calls,
            failures,
        });
    }
}

/// FNV-1a hash.
fn hash(seed: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(seed, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME)
    })
}

/// The finalizer of SplitMix64: FNV's high bits alone are not even.
fn mixed(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::OnFailure;

    fn watch(calls: u32) -> (Watch, tokio::sync::mpsc::UnboundedReceiver<Tripped>) {
        let (tell, told) = tokio::sync::mpsc::unbounded_channel();
        let rules = CanaryConfig {
            window: Span::from_secs(1),
            calls,
            failures: 0.5,
        };
        let what = Watched {
            tenant: "acme".parse().unwrap(),
            place: "ingress".to_owned(),
            plugin: "guest".to_owned(),
            digest: "00".to_owned(),
        };
        (Watch::new(rules, what, tell), told)
    }

    #[test]
    fn a_share_is_a_share_and_always_the_same_events() {
        let (watch, _told) = watch(1);
        let watch = Arc::new(watch);
        let canary = |millionths| {
            let step = Step::new("guest".to_owned(), None, Arc::default(), OnFailure::Skip);
            Canary::new(step, millionths, watch.clone())
        };
        let events: Vec<_> = (0..20_000).map(|n| format!("evt_{n}")).collect();
        let taken = |canary: &Canary| events.iter().filter(|event| canary.takes(event)).count();
        let twentieth = taken(&canary(50_000));
        assert!((800..1_200).contains(&twentieth), "{twentieth}");
        assert_eq!(twentieth, taken(&canary(50_000)));
        assert_eq!(taken(&canary(1_000_000)), events.len());
    }

    #[test]
    fn it_is_called_off_once_over_its_share_of_failures() {
        let (watch, mut told) = watch(4);
        for (failed, now) in [
            (true, 0),
            (true, 0),
            (true, 0),
            (false, 1_000),
            (true, 1_000),
            (true, 1_000),
        ] {
            watch.called(failed, now);
        }
        assert!(told.try_recv().is_err(), "never four calls in a window");
        watch.called(true, 1_500);
        let tripped = told.try_recv().unwrap();
        assert_eq!((tripped.calls, tripped.failures), (4, 3));
        watch.called(true, 1_600);
        assert!(told.try_recv().is_err(), "once");
    }
}
