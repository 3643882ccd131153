//! Stored form of chains and plugins.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::record::VERSION;
use super::spec::{
    CanarySpec, CanaryState, ChainSpec, PluginVersion, Running, Share, StepSpec, StepState, Stopped,
};
use hookgate_domain::Timestamp;
use hookgate_plugin_host::{BreakerState, OnFailure, StepLimits};

/// Entry `chain` (a tenant's ingress chain) or `chain:SUBSCRIPTION` (a delivery chain).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ChainRecord {
    pub v: u8,
    pub steps: Vec<StepRecord>,
    #[serde(default)]
    pub declared: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StepRecord {
    pub plugin: String,
    /// Version requirement as requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Digest that the requirement resolved to; `None` for a shipped plugin with an open version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Version that the component of this digest declares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<String>,
    /// Version that the step ran before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<RunningRecord>,
    /// Settings as JSON text.
    pub settings: String,
    pub on_failure: OnFailureRecord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryRecord>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunningRecord {
    pub version: String,
    pub digest: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OnFailureRecord {
    Fail,
    Skip,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LimitsRecord {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_us: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CanaryRecord {
    /// Version as requested.
    pub version: String,
    /// Version and digest that the request resolved to.
    pub running: RunningRecord,
    /// Share of events, in millionths.
    pub share: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<StoppedRecord>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoppedRecord {
    pub at: u64,
    pub reason: String,
}

/// Entry `plugin:NAME`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PluginRecord {
    pub v: u8,
    /// Versions, the last uploaded first.
    pub versions: Vec<VersionRecord>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct VersionRecord {
    pub version: String,
    pub digest: String,
    pub summary: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings_schema: Option<String>,
    pub redacts: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<String>,
    pub bytes: u64,
    pub uploaded: u64,
}

/// Entry `gone:NAME`: versions of a plugin that were deleted, or evicted for newer ones.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct GoneRecord {
    pub v: u8,
    /// Versions, the last deleted first.
    pub versions: Vec<GoneVersion>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GoneVersion {
    pub version: String,
    pub digest: String,
    /// Time of the deletion, in µs since 1970.
    pub at: u64,
    /// Garbage collection has handled its component: it is deleted, or still in use elsewhere.
    #[serde(default)]
    pub swept: bool,
}

impl GoneRecord {
    /// Adds versions that are deleted now; beyond `most`, the oldest deletions are forgotten.
    pub(super) fn with<'a>(
        &self,
        gone: impl Iterator<Item = &'a VersionRecord>,
        now: Timestamp,
        most: usize,
    ) -> Self {
        let now: Vec<_> = gone
            .map(|version| GoneVersion {
                version: version.version.clone(),
                digest: version.digest.clone(),
                at: now.as_micros(),
                swept: false,
            })
            .collect();
        let again = |before: &&GoneVersion| now.iter().any(|now| now.digest == before.digest);
        let before = self.versions.iter().filter(|before| !again(before));
        let versions = now.iter().chain(before).take(most).cloned().collect();
        Self { v: VERSION, versions }
    }

    /// Drops versions whose components were handled by garbage collection.
    /// They need not be remembered where no tenant can upload them again.
    pub(super) fn without_swept(&self) -> Self {
        Self {
            v: VERSION,
            versions: self.unswept().cloned().collect(),
        }
    }

    /// Adds deleted versions that other records remember.
    pub(super) fn and_all<'a>(&self, others: impl Iterator<Item = &'a GoneVersion>) -> Self {
        let known = |other: &&GoneVersion| self.versions.iter().any(|known| known.digest == other.digest);
        let others = others.filter(|other| !known(other));
        let versions = others.cloned().chain(self.versions.iter().cloned()).collect();
        Self { v: VERSION, versions }
    }

    /// Versions whose components garbage collection has not handled yet.
    pub(super) fn unswept(&self) -> impl Iterator<Item = &GoneVersion> {
        self.versions.iter().filter(|gone| !gone.swept)
    }

    /// Marks versions deleted up to `before` as handled by garbage collection. Returns `true` if
    /// there were any.
    pub(super) fn mark_swept(&mut self, before: Timestamp) -> bool {
        let due = |gone: &&mut GoneVersion| !gone.swept && gone.at <= before.as_micros();
        let due = self.versions.iter_mut().filter(due);
        due.map(|gone| gone.swept = true).count() > 0
    }
}

impl ChainRecord {
    pub(super) fn new(steps: Vec<StepRecord>, declared: bool) -> Self {
        Self {
            v: VERSION,
            steps,
            declared,
        }
    }

    /// Returns `true` if the configuration file declares the chain with exactly these steps.
    pub(super) fn is_declared_as(&self, spec: &ChainSpec) -> bool {
        self.declared && self.to_spec() == *spec
    }

    pub(super) fn to_spec(&self) -> ChainSpec {
        ChainSpec {
            steps: self.steps.iter().map(StepRecord::to_spec).collect(),
        }
    }

    pub(super) fn states(&self) -> Vec<StepState> {
        self.steps.iter().map(StepRecord::state).collect()
    }

    /// Digests that the steps run, for all events or as a canary.
    pub(super) fn digests(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().flat_map(|step| {
            let canary = step.canary.iter().map(|canary| canary.running.digest.as_str());
            step.digest.as_deref().into_iter().chain(canary)
        })
    }

    /// Digests that the steps ran before.
    pub(super) fn previous(&self) -> impl Iterator<Item = &str> {
        let previous = self.steps.iter().filter_map(|step| step.previous.as_ref());
        previous.map(|before| before.digest.as_str())
    }
}

impl StepRecord {
    pub(super) fn on_failure(&self) -> OnFailure {
        match self.on_failure {
            OnFailureRecord::Fail => OnFailure::Fail,
            OnFailureRecord::Skip => OnFailure::Skip,
        }
    }

    pub(super) fn limits(&self) -> StepLimits {
        self.limits.map(LimitsRecord::limits).unwrap_or_default()
    }

    /// Version and digest that the step runs; `None` for a shipped plugin with an open version.
    pub(super) fn running(&self) -> Option<RunningRecord> {
        Some(RunningRecord {
            version: self.resolved.clone().unwrap_or_default(),
            digest: self.digest.clone()?,
        })
    }

    pub(super) fn to_spec(&self) -> StepSpec {
        StepSpec {
            plugin: self.plugin.clone(),
            version: self.version.clone(),
            settings: self.settings.clone(),
            on_failure: self.on_failure(),
            limits: self.limits(),
            canary: self.canary.as_ref().map(|canary| CanarySpec {
                version: canary.version.clone(),
                share: Share::of_million(canary.share),
            }),
        }
    }

    fn state(&self) -> StepState {
        StepState {
            running: self.running().map(Running::from),
            previous: self.previous.clone().map(Running::from),
            canary: self.canary.as_ref().map(|canary| CanaryState {
                running: canary.running.clone().into(),
                stopped: canary.stopped.as_ref().map(|stopped| Stopped {
                    at: Timestamp::from_micros(stopped.at),
                    reason: stopped.reason.clone(),
                }),
            }),
        }
    }
}

impl From<RunningRecord> for Running {
    fn from(record: RunningRecord) -> Self {
        Self {
            version: record.version,
            digest: record.digest,
        }
    }
}

impl From<OnFailure> for OnFailureRecord {
    fn from(on_failure: OnFailure) -> Self {
        match on_failure {
            OnFailure::Fail => Self::Fail,
            OnFailure::Skip => Self::Skip,
        }
    }
}

impl LimitsRecord {
    /// Stored form of a step's limits; `None` where the step sets none.
    pub(super) fn of(limits: StepLimits) -> Option<Self> {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bytes = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
        (limits != StepLimits::default()).then(|| Self {
            deadline_us: limits.deadline.map(micros),
            memory: limits.memory.map(bytes),
            log: limits.log.map(bytes),
        })
    }

    fn limits(self) -> StepLimits {
        let bytes = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
        StepLimits {
            deadline: self.deadline_us.map(Duration::from_micros),
            memory: self.memory.map(bytes),
            log: self.log.map(bytes),
        }
    }
}

impl VersionRecord {
    /// Names by which a step can select this version: the version and the digest.
    pub(super) fn names(&self) -> (&str, &str) {
        (&self.version, &self.digest)
    }

    pub(super) fn to_version(&self) -> PluginVersion {
        PluginVersion {
            version: self.version.clone(),
            digest: self.digest.clone(),
            summary: self.summary.clone(),
            settings_schema: self.settings_schema.clone(),
            redacts: self.redacts,
            imports: self.imports.clone(),
            bytes: self.bytes,
            uploaded: Some(Timestamp::from_micros(self.uploaded)),
            breaker: BreakerState::Closed,
        }
    }
}
