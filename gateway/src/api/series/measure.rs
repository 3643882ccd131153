//! Measures of time series, and their values of the counts of a step.

use hookgate_store::series::Cells;

use crate::http::{Code, Problem};

/// A measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    Accepted,
    Attempts,
    Delivered,
    Failed,
    Dead,
    Dropped,
    Redacted,
    Calls,
    Pending,
    OldestPending,
    P50,
    P95,
}

/// Counts of a step under one key, which may be joined of several.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value {
    pub cells: Cells,
    /// Samples of pending deliveries in the step.
    samples: u64,
    /// The longest of the keys' means.
    overdue_ms: u64,
}

impl Value {
    /// Value without counts, in a step with this number of samples.
    pub fn of(samples: u64) -> Self {
        Self {
            cells: Cells::default(),
            samples,
            overdue_ms: 0,
        }
    }

    /// Adds the counts of a key.
    pub fn add(&mut self, cells: &Cells) {
        self.overdue_ms = self.overdue_ms.max(cells.overdue_ms(self.samples));
        self.cells.add(cells);
    }

    /// Adds another value of the same step.
    pub fn join(&mut self, other: &Self) {
        self.overdue_ms = self.overdue_ms.max(other.overdue_ms);
        self.cells.add(&other.cells);
    }
}

macro_rules! words {
    () => {
        "accepted|attempts|delivered|failed|dead|dropped|redacted|calls|pending|oldest_pending|p50|p95"
    };
}

/// Measures of a query.
pub(super) const MEASURES: &str = concat!("^ *(", words!(), ") *(, *(", words!(), ") *)*$");

impl Measure {
    const ALL: [Self; 12] = [
        Self::Accepted,
        Self::Attempts,
        Self::Delivered,
        Self::Failed,
        Self::Dead,
        Self::Dropped,
        Self::Redacted,
        Self::Calls,
        Self::Pending,
        Self::OldestPending,
        Self::P50,
        Self::P95,
    ];

    /// Reads measures with commas between, each once.
    ///
    /// # Errors
    /// `invalid_parameter`.
    pub fn read_all(text: &str) -> Result<Vec<Self>, Problem> {
        let mut measures = Vec::new();
        for name in text.split(',') {
            let measure = Self::read(name.trim())?;
            if !measures.contains(&measure) {
                measures.push(measure);
            }
        }
        Ok(measures)
    }

    fn read(name: &str) -> Result<Self, Problem> {
        let found = Self::ALL.into_iter().find(|measure| measure.word() == name);
        found.ok_or_else(|| {
            let all = Self::ALL
                .map(|measure| format!("`{}`", measure.word()))
                .join(", ");
            let detail = format!("`measure` is one or more of {all}, separated by commas.");
            Problem::new(Code::InvalidParameter, detail)
        })
    }

    /// Name in a query.
    pub fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Attempts => "attempts",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Dead => "dead",
            Self::Dropped => "dropped",
            Self::Redacted => "redacted",
            Self::Calls => "calls",
            Self::Pending => "pending",
            Self::OldestPending => "oldest_pending",
            Self::P50 => "p50",
            Self::P95 => "p95",
        }
    }

    /// Returns `true` if it is the mean of samples.
    pub fn is_sampled(self) -> bool {
        matches!(self, Self::Pending | Self::OldestPending)
    }

    /// Value in a step; `None`: nothing was measured.
    pub fn of(self, value: &Value) -> Option<u64> {
        let cells = &value.cells;
        let counts = cells.counts();
        let latency = |percent| {
            let found = counts.latency(percent)?;
            u64::try_from(found.as_millis()).ok()
        };
        let sampled = |of: u64| (value.samples > 0).then_some(of);
        match self {
            Self::Accepted => Some(cells.accepted()),
            Self::Attempts => Some(cells.attempts()),
            Self::Delivered => Some(counts.delivered()),
            // A key has calls or attempts.
            Self::Failed => Some(cells.calls_failed() + cells.attempts().saturating_sub(counts.delivered())),
            Self::Dead => Some(counts.dead()),
            Self::Dropped => Some(cells.dropped()),
            Self::Redacted => Some(cells.redacted()),
            Self::Calls => Some(cells.calls()),
            Self::Pending => sampled(cells.pending(value.samples)),
            Self::OldestPending => sampled(value.overdue_ms),
            Self::P50 => latency(50),
            Self::P95 => latency(95),
        }
    }
}
