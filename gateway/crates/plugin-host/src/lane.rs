//! Lane of a tenant: metered work on the guest threads, in the tenant's turn and charged to its CPU
//! budget.
//!
//! A tenant's declarations (filters, schemas, classifications) are as much its program as its
//! plugins are. They run in the same place: in a fair queue, charged to the tenant's processor
//! time, and at background priority when they take long. The work budgets of these declarations are
//! made only here (`tests/tidy` checks it), so that no unbounded work runs on a thread that serves
//! connections. The one exception is [`WorkBudget::small`], which is small enough for any thread.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::budget::Budget;
use super::host::{Host, NotRun, Shared};
use super::{Call, Done, Verdict, run};
use hookgate_domain::TenantId;
use hookgate_domain::units::Span;
use hookgate_json::budget::WorkBudget;
use hookgate_runtime::telemetry::Refusal;

/// A guest thread while it runs one tenant's job.
pub struct TenantLane<'a> {
    shared: &'a Shared,
    /// Processor time of the job's chains, and their wall time.
    chains: (Duration, Duration),
}

/// Reason for a tenant's job that was not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneRefusal {
    /// The queue is full.
    Busy,
    /// The tenant has used up its CPU budget.
    OverBudget {
        /// Wait until the budget has time again.
        wait: Duration,
        /// Processor time allowed per second.
        per_second: Span,
    },
    /// The job panicked, or the host has ended.
    Failed,
}

impl TenantLane<'_> {
    /// Creates the work budget of one event's filters, schema and classifications:
    /// `plugins.max_event_work`.
    pub fn work(&self) -> WorkBudget {
        WorkBudget::new(self.shared.caller.config.max_event_work)
    }

    /// Runs a chain within this job.
    pub fn chain(&mut self, call: Call) -> Done {
        let began = Instant::now();
        let (done, used) = run::chain(&self.shared.caller, call, self.shared.clock.now().as_millis());
        self.chains.0 += used;
        self.chains.1 += began.elapsed();
        done
    }
}

impl Host {
    /// Runs a tenant's job in its lane: in turns with other tenants, bounded in number, and charged
    /// to its budget.
    ///
    /// # Errors
    /// The reason for the refusal. A refused job has had no effect.
    pub async fn run_for<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        job: impl FnOnce(&mut TenantLane<'_>) -> T + Send + 'static,
    ) -> Result<T, LaneRefusal> {
        self.run_on_account(tenant, self.cpu_budget(tenant), job).await
    }

    /// Runs a tenant's job as [`Host::run_for`] does, with a given budget; `None`: the time is not
    /// charged.
    pub async fn run_on_account<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        account: Option<Arc<Budget>>,
        job: impl FnOnce(&mut TenantLane<'_>) -> T + Send + 'static,
    ) -> Result<T, LaneRefusal> {
        if let Some(over) = account.as_deref().and_then(|account| self.over_account(account)) {
            return Err(over);
        }
        let run = move |shared: &Shared| {
            let began = Instant::now();
            let mut lane = TenantLane {
                shared,
                chains: (Duration::ZERO, Duration::ZERO),
            };
            let done = job(&mut lane);
            let (used, by_the_wall) = lane.chains;
            let used = used + began.elapsed().saturating_sub(by_the_wall);
            shared.charge(account.as_deref(), used);
            (done, used)
        };
        let ran = self.on_thread(Some(tenant.clone()), run).await;
        ran.map_err(|not_run| match not_run {
            NotRun::Busy => {
                self.inner.shared.observed.not_run(Refusal::Busy);
                LaneRefusal::Busy
            }
            NotRun::Failed => LaneRefusal::Failed,
        })
    }

    /// Returns the CPU budget of a tenant, if it has one. It lives as long as a reference to it
    /// exists.
    pub fn cpu_budget(&self, tenant: &TenantId) -> Option<Arc<Budget>> {
        let config = self.config();
        let own = config.budgets.get(tenant.as_str()).copied();
        let per_second = own.or(config.budget)?;
        let accounts = &self.inner.shared.budgets;
        Some(accounts.of(tenant.clone(), || Budget::new(per_second)))
    }

    /// Refuses a job if its CPU budget is used up.
    pub(super) fn over_account(&self, account: &Budget) -> Option<LaneRefusal> {
        let wait = account.wait(self.inner.shared.elapsed_us())?;
        self.inner.shared.observed.not_run(Refusal::Budget);
        Some(LaneRefusal::OverBudget {
            wait,
            per_second: account.per_second(),
        })
    }
}

impl LaneRefusal {
    /// Converts the refusal to the verdict of a chain that was not run.
    pub(super) fn into_verdict(self) -> Verdict {
        match self {
            Self::Busy => Verdict::Busy,
            Self::OverBudget { wait, per_second } => Verdict::OverBudget { wait, per_second },
            Self::Failed => {
                let fault =
                    super::failure::Fault::new("internal", "the plugin host failed; its log says how");
                Verdict::Failed(fault.of(""))
            }
        }
    }
}

impl std::fmt::Debug for TenantLane<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TenantLane")
    }
}
