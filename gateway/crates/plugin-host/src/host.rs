//! Plugin host: its guest threads, its queue, and the handle that the rest of the gateway uses.

use std::collections::HashSet;
use std::future::{Future, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};
use std::{fmt, io};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::breaker::{Breaker, BreakerState};
use super::budget::Budget;
use super::call::Caller;
use super::class::Class;
use super::code_cache::CachedComponent;
use super::component::{Component, Description};
use super::config::Config;
use super::cpu_time::{Rank, ThreadTime};
use super::failure::{Failure, Fault};
use super::fuel::Fuel;
use super::incidents::Incidents;
use super::lane::LaneRefusal;
use super::loader::{ComponentLoader, Source, blocking};
use super::long_calls::{LongCallDetector, WorkerClocks};
use super::pseudonyms::Pseudonyms;
use super::queue::{Bounds, FairQueue, Lane, Priority};
use super::ticker::Ticker;
use super::upload::{self, Checked, UploadError};
use super::version_stats::PluginStats;
use super::weak_map::WeakMap;
use super::{Call, Chain, Done, SettingsProblem, Step, StepLimits, Verdict};
use hookgate_domain::TenantId;
use hookgate_json::Document;
use hookgate_runtime::clock::Clock;
use hookgate_runtime::telemetry::Metrics;

/// Runs plugins. Cheap to clone; the threads end when the last clone is dropped.
#[derive(Clone)]
pub struct Host {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) shared: Arc<Shared>,
    pub(super) loader: ComponentLoader,
    /// Engine that counts fuel; made at the first dry run.
    pub(super) fuel: OnceLock<Arc<Fuel>>,
}

/// State shared by the guest threads.
pub(super) struct Shared {
    pub(super) caller: Caller,
    pub(super) clock: Clock,
    ticker: Ticker,
    queue: Arc<FairQueue<Job>>,
    breakers: WeakMap<(TenantId, String), Breaker>,
    pub(super) budgets: WeakMap<TenantId, Budget>,
    pub(super) observed: PluginStats,
    started: Instant,
}

impl Shared {
    /// Time since the start, in µs, by a monotonic clock.
    pub(super) fn elapsed_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Charges used time to a CPU budget, if there is one.
    pub(super) fn charge(&self, budget: Option<&Budget>, used: Duration) {
        if let Some(budget) = budget {
            budget.charge(used, self.elapsed_us());
        }
    }
}

/// Job of a guest thread; returns the time that it used.
type Job = Box<dyn FnOnce(&Shared) -> Duration + Send>;

impl Host {
    /// Starts the threads.
    ///
    /// `pseudonyms` is the secret that pseudonyms derive from, the same in every gateway of a
    /// deployment.
    ///
    /// # Errors
    /// The system provides no threads, or no address space for the pool.
    pub fn start(
        config: &Arc<Config>,
        clock: Clock,
        metrics: Metrics,
        loader: ComponentLoader,
        pseudonyms: [u8; 32],
    ) -> io::Result<Self> {
        let (incidents, pseudonyms) = (Incidents::default(), Pseudonyms::new(pseudonyms));
        let caller = |config| {
            let made = Caller::new(config, &loader, incidents.clone(), pseudonyms.clone());
            made.map_err(io::Error::other)
        };
        let large = match config.large.upload {
            Some(_) => Some(Arc::new(caller(config.of(Class::Large).into())?)),
            None => None,
        };
        let caller = Caller {
            large,
            ..caller(config.clone())?
        };
        let engines = [Some(&caller), caller.large.as_deref()].into_iter().flatten();
        let engines = engines.map(|caller| caller.engine.clone()).collect();
        let queue = Arc::new(FairQueue::new(Bounds {
            per_lane: config.queue_per_tenant as usize,
            in_all: config.queue as usize,
            at_once: config.thread_count(),
        }));
        let workers: WorkerClocks = (0..config.workers()).map(|_| OnceLock::new()).collect();
        let mut watchman = LongCallDetector::new(queue.clone(), workers.clone());
        let shared = Arc::new(Shared {
            ticker: Ticker::start(engines, move || watchman.look())?,
            queue,
            breakers: WeakMap::default(),
            budgets: WeakMap::default(),
            observed: PluginStats::new(config, metrics),
            started: Instant::now(),
            clock,
            caller,
        });
        for worker in 0..workers.len() {
            let (shared, workers) = (shared.clone(), workers.clone());
            let priority = if worker < config.front_seats() {
                Priority::Normal
            } else {
                Priority::Background
            };
            thread::Builder::new()
                .name(format!("plugin-{worker}"))
                .stack_size(STACK_BYTES)
                .spawn(move || work(&shared, &workers, worker, priority))?;
        }
        Ok(Self {
            inner: Arc::new(Inner {
                shared,
                loader,
                fuel: OnceLock::new(),
            }),
        })
    }

    /// Checks a component, compiles it or loads its artifact, links it, and calls its `describe`.
    ///
    /// # Errors
    /// The fault of the component, in words for the uploader.
    pub async fn load(&self, bytes: Bytes) -> Result<Arc<Component>, UploadError> {
        self.upload_in(None, bytes).await
    }

    /// Loads a component for a tenant, in its turns for the compiler and the guest threads.
    ///
    /// # Errors
    /// As [`Host::load`].
    pub async fn load_for(&self, tenant: &TenantId, bytes: Bytes) -> Result<Arc<Component>, UploadError> {
        self.upload_in(Some(tenant.clone()), bytes).await
    }

    /// Loads a stored component. Returns `None` if its bytes are not stored.
    ///
    /// `fetch` is called when the bytes are needed: once to check them, and again when the
    /// component's turn to be compiled comes. Turns are the tenant's, or the gateway's for `None`.
    ///
    /// # Errors
    /// As [`Host::load`], and the errors of `fetch`.
    pub async fn load_stored<F>(
        &self,
        tenant: Option<&TenantId>,
        fetch: impl Fn() -> F,
    ) -> Result<Option<Arc<Component>>, UploadError>
    where
        F: Future<Output = Result<Option<Bytes>, UploadError>> + Send,
    {
        let reading = self.inner.loader.reading().await?;
        let Some(bytes) = fetch().await? else {
            return Ok(None);
        };
        let looked = self.look_at(bytes).await?;
        drop(reading);
        let gone = || UploadError::Host(io::Error::other("its bytes are gone"));
        let again = fetch();
        let component = Box::pin(async move { again.await?.ok_or_else(gone) });
        self.load_in(tenant.cloned(), looked, component).await.map(Some)
    }

    async fn upload_in(&self, lane: Lane, bytes: Bytes) -> Result<Arc<Component>, UploadError> {
        let looked = self.look_at(bytes.clone()).await?;
        self.load_in(lane, looked, Box::pin(ready(Ok(bytes)))).await
    }

    /// Checks a component and loads its artifact, if there is one.
    async fn look_at(&self, bytes: Bytes) -> Result<LookedAt, UploadError> {
        let shared = self.inner.shared.clone();
        let looked = blocking(move || {
            let checked = upload::check(&bytes, &shared.caller.config)?;
            Ok((checked, hex::encode(Sha256::digest(&bytes))))
        });
        let (checked, digest) = looked.await?;
        let caller = self.inner.shared.caller.of(checked.class);
        let loader = self.inner.loader.made_for(checked.class.into());
        let cached = loader.kept(&caller.code_cache, &digest).await?;
        Ok(LookedAt {
            checked,
            digest,
            cached,
        })
    }

    async fn load_in(
        &self,
        lane: Lane,
        looked: LookedAt,
        component: BoxFuture<'_, Result<Bytes, UploadError>>,
    ) -> Result<Arc<Component>, UploadError> {
        let LookedAt {
            checked: Checked { imports, class },
            digest,
            cached,
        } = looked;
        let caller = self.inner.shared.caller.of(class);
        let loader = self.inner.loader.made_for(class.into());
        let cached = match cached {
            Some(cached) => cached,
            None => {
                let source = Source {
                    lane: &lane,
                    digest: &digest,
                    component,
                };
                loader.load(&caller.code_cache, source, &caller.config).await?
            }
        };
        let description = self.describe(lane, &cached).await?;
        Ok(Arc::new(Component {
            digest,
            description,
            imports,
            cached,
        }))
    }

    /// Calls `check-settings` of a component in the tenant's turn; an empty list: no problems.
    ///
    /// # Errors
    /// The call failed, or (kind `busy`) cannot be made now.
    pub async fn check_settings(
        &self,
        tenant: Option<&TenantId>,
        component: &Component,
        settings: Arc<Document>,
    ) -> Result<Vec<SettingsProblem>, Failure> {
        let cached = component.cached.clone();
        let checked = self
            .ask(tenant.cloned(), move |caller| {
                let returned = caller.check_settings(&cached, settings);
                (returned.result, returned.used)
            })
            .await;
        let busy = || Err(Fault::new("busy", "too many calls wait for a thread; try again"));
        checked
            .unwrap_or_else(busy)
            .map_err(|fault| fault.of(&component.description.name))
    }

    /// Returns the host's limits for a component with a step's applied; `None`: the step sets none.
    ///
    /// # Errors
    /// The limit that is zero or above the host's, and a message.
    pub fn bounds(
        &self,
        component: &Component,
        limits: &StepLimits,
    ) -> Result<Option<Arc<Config>>, (&'static str, String)> {
        Ok(limits.lower(self.limits_of(component))?.map(Arc::new))
    }

    /// The limits of a component's class.
    pub fn limits_of(&self, component: &Component) -> &Config {
        let caller = &self.inner.shared.caller;
        &caller.of(component.cached.class()).config
    }

    /// Runs a chain on an event's document, in the tenant's turn.
    pub async fn run(&self, call: Call) -> Done {
        let (tenant, account) = (call.tenant.clone(), call.chain.budget.clone());
        let ran = self.run_on_account(&tenant, account, move |lane| lane.chain(call));
        let ran = ran.await;
        ran.unwrap_or_else(|refusal| Done::without_data(refusal.into_verdict()))
    }

    /// Verdict of a chain whose tenant has used up its CPU budget; `None`: the budget has time
    /// left.
    pub(super) fn over_budget(&self, chain: &Chain) -> Option<Verdict> {
        let account = chain.budget.as_deref()?;
        self.over_account(account).map(LaneRefusal::into_verdict)
    }

    /// Builds a chain from a tenant's steps, with the tenant's CPU budget.
    pub fn chain(&self, tenant: &TenantId, steps: Vec<Step>) -> Chain {
        let budget = self.cpu_budget(tenant);
        Chain { steps, budget }
    }

    /// Returns the circuit breaker of a tenant's version of a plugin.
    pub fn breaker(&self, tenant: &TenantId, digest: &str) -> Arc<Breaker> {
        let make = || Breaker::new(self.config().breaker);
        self.inner
            .shared
            .breakers
            .of((tenant.clone(), digest.to_owned()), make)
    }

    /// Returns the state of the circuit breaker of a tenant's version of a plugin, in this process.
    pub fn breaker_state(&self, tenant: &TenantId, digest: &str) -> BreakerState {
        let breaker = self
            .inner
            .shared
            .breakers
            .get(&(tenant.clone(), digest.to_owned()));
        let now_ms = self.inner.shared.clock.now().as_millis();
        breaker.map_or(BreakerState::Closed, |breaker| breaker.state(now_ms))
    }

    /// Incidents for operators.
    pub fn incidents(&self) -> &Incidents {
        &self.inner.shared.caller.incidents
    }

    /// Removes machine code from disk that was not used for `plugins.artifact_ttl`.
    ///
    /// `in_use`: digests of components in use, whose machine code any call may need.
    pub async fn sweep(&self, in_use: HashSet<String>) {
        let artifacts = self.inner.loader.artifacts().clone();
        let (now, keep) = (self.inner.shared.clock.now(), self.config().artifact_ttl.get());
        let swept = tokio::task::spawn_blocking(move || artifacts.sweep(&in_use, now, keep)).await;
        match swept {
            Ok(Ok(0)) | Err(_) => {}
            Ok(Ok(count)) => tracing::info!(count, "plugin.machine_code_swept"),
            Ok(Err(error)) => tracing::warn!(%error, "plugin.machine_code_not_swept"),
        }
    }

    /// Number of calls that wait for a thread.
    pub fn waiting(&self) -> usize {
        self.inner.shared.queue.waiting()
    }

    /// Limits of small components; those of large components are under `large`.
    pub fn config(&self) -> &Config {
        &self.inner.shared.caller.config
    }

    async fn describe(&self, lane: Lane, cached: &Arc<CachedComponent>) -> Result<Description, UploadError> {
        let cached = cached.clone();
        let described = self
            .ask(lane, move |caller| {
                let returned = caller.describe(&cached);
                (returned.result, returned.used)
            })
            .await;
        match described.ok_or(UploadError::Busy)? {
            Ok(said) => Description::bounded(said),
            Err(fault) => Err(UploadError::Describe(format!(
                "failed ({}): {}",
                fault.kind, fault.message
            ))),
        }
    }

    /// Makes a call outside any event. `None`: the queue is full.
    async fn ask<T: Send + 'static>(
        &self,
        lane: Lane,
        call: impl FnOnce(&Caller) -> (T, Duration) + Send + 'static,
    ) -> Option<T> {
        self.on_thread(lane, |shared| call(&shared.caller)).await.ok()
    }

    /// Runs a job on a guest thread in the lane's turn.
    ///
    /// Charges the lane the time that the job reports.
    pub(super) async fn on_thread<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnOnce(&Shared) -> (T, Duration) + Send + 'static,
    ) -> Result<T, NotRun> {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(move |shared: &Shared| {
            // The caller may have dropped its request while the job waited.
            if reply.is_closed() {
                return Duration::ZERO;
            }
            let (done, used) = work(shared);
            let _ = reply.send(done);
            used
        });
        let pushed = self.inner.shared.queue.push(lane, job);
        pushed.map_err(|_| NotRun::Busy)?;
        answer.await.map_err(|_| NotRun::Failed)
    }
}

/// A checked component.
struct LookedAt {
    checked: Checked,
    digest: String,
    /// The component loaded from its artifact, if there was one.
    cached: Option<Arc<CachedComponent>>,
}

/// Reason for a job that was not run on a guest thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotRun {
    /// The queue is full.
    Busy,
    /// The host's code panicked, or the host has ended.
    Failed,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

/// Main loop of a guest thread: runs one job after the other until the queue is closed.
fn work(shared: &Shared, workers: &WorkerClocks, worker: usize, priority: Priority) {
    let rank = match priority {
        Priority::Normal => Rank::Guest,
        Priority::Background => Rank::Background,
    };
    rank.take();
    if let Some(time) = ThreadTime::own() {
        // No other thread sets it.
        let _ = workers[worker].set(time);
    }
    let mut used = Duration::ZERO;
    while let Some(job) = shared.queue.next(worker, priority, used) {
        used = one(shared, job);
    }
}

/// Runs a job. A panic in the host's code ends the job, not the thread.
fn one(shared: &Shared, job: Job) -> Duration {
    let _ticking = shared.ticker.hold();
    catch_unwind(AssertUnwindSafe(|| job(shared))).unwrap_or_else(|_| {
        tracing::error!("plugin.host_panicked");
        Duration::ZERO
    })
}

/// Stack size of a guest thread: wasmtime lets a guest use 512 KiB of it, and walks over documents
/// recurse.
const STACK_BYTES: usize = 4 << 20;
