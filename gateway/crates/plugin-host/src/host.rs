//! The plugin host: its threads, its queue, and the handle that the rest of the gateway has of it.

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
    /// Made when the first dry run asks for it.
    pub(super) fuel: OnceLock<Arc<Fuel>>,
}

/// What the guest threads need.
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
    /// Since it began, by a clock that only goes on.
    pub(super) fn elapsed_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Charges a tenant's account, if there is one.
    pub(super) fn charge(&self, budget: Option<&Budget>, used: Duration) {
        if let Some(budget) = budget {
            budget.charge(used, self.elapsed_us());
        }
    }
}

/// Runs on a guest thread; gives the time that it took.
type Job = Box<dyn FnOnce(&Shared) -> Duration + Send>;

impl Host {
    /// Starts the threads. `pseudonyms`: the secret under which pseudonyms are made, the same in every gateway of a
    /// deployment.
    ///
    /// # Errors
    /// When the system gives no threads or no address space for the pool.
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

    /// Checks a component, compiles it or takes its artifact, links it and asks what it is.
    ///
    /// # Errors
    /// What is wrong with it, in words for the one who uploads it.
    pub async fn load(&self, bytes: Bytes) -> Result<Arc<Component>, UploadError> {
        self.upload_in(None, bytes).await
    }

    /// The same for a tenant, whose turns it takes: of the compiler, and of the guest threads.
    ///
    /// # Errors
    /// As [`Host::load`].
    pub async fn load_for(&self, tenant: &TenantId, bytes: Bytes) -> Result<Arc<Component>, UploadError> {
        self.upload_in(Some(tenant.clone()), bytes).await
    }

    /// Loads a component whose bytes are fetched when they are needed: once to look at it, and again when it is its turn to be
    /// compiled. `None`: nobody has its bytes. In a tenant's turns, or in the gateway's own.
    ///
    /// # Errors
    /// As [`Host::load`], and what `fetch` says.
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

    /// Checks a component, and loads it where its machine code is kept.
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

    /// Asks a component what is wrong with settings, in the turn of the tenant that asks; an empty list: nothing.
    ///
    /// # Errors
    /// When it fails at telling, or (kind `busy`) cannot be asked now.
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

    /// The host's limits for a component with a step's own in their place; `None`: the step has none.
    ///
    /// # Errors
    /// Which of them is nothing or over the host's, and in which words.
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

    /// Runs a chain on an event's document, when it is the tenant's turn.
    pub async fn run(&self, call: Call) -> Done {
        let (tenant, account) = (call.tenant.clone(), call.chain.budget.clone());
        let ran = self.run_on_account(&tenant, account, move |lane| lane.chain(call));
        let ran = ran.await;
        ran.unwrap_or_else(|refusal| Done::without_data(refusal.into_verdict()))
    }

    /// What is said of a chain whose tenant has used up its time.
    pub(super) fn over_budget(&self, chain: &Chain) -> Option<Verdict> {
        let account = chain.budget.as_deref()?;
        self.over_account(account).map(LaneRefusal::into_verdict)
    }

    /// A tenant's steps as a chain, whose time is charged to the tenant.
    pub fn chain(&self, tenant: &TenantId, steps: Vec<Step>) -> Chain {
        let budget = self.cpu_budget(tenant);
        Chain { steps, budget }
    }

    /// The breaker of a tenant's version of a plugin.
    pub fn breaker(&self, tenant: &TenantId, digest: &str) -> Arc<Breaker> {
        let make = || Breaker::new(self.config().breaker);
        self.inner
            .shared
            .breakers
            .of((tenant.clone(), digest.to_owned()), make)
    }

    /// How the breaker of a tenant's version of a plugin stands here.
    pub fn breaker_state(&self, tenant: &TenantId, digest: &str) -> BreakerState {
        let breaker = self
            .inner
            .shared
            .breakers
            .get(&(tenant.clone(), digest.to_owned()));
        let now_ms = self.inner.shared.clock.now().as_millis();
        breaker.map_or(BreakerState::Closed, |breaker| breaker.state(now_ms))
    }

    /// What operators should know of plugins.
    pub fn incidents(&self) -> &Incidents {
        &self.inner.shared.caller.incidents
    }

    /// Removes machine code that is kept on disk and was not wanted for `plugins.keep_compiled`. `in_use`: the digests of
    /// components that somebody holds, whose machine code may be wanted at any call.
    pub async fn sweep(&self, in_use: HashSet<String>) {
        let artifacts = self.inner.loader.artifacts().clone();
        let (now, keep) = (self.inner.shared.clock.now(), self.config().keep_compiled.get());
        let swept = tokio::task::spawn_blocking(move || artifacts.sweep(&in_use, now, keep)).await;
        match swept {
            Ok(Ok(0)) | Err(_) => {}
            Ok(Ok(count)) => tracing::info!(count, "plugin.machine_code_swept"),
            Ok(Err(error)) => tracing::warn!(%error, "plugin.machine_code_not_swept"),
        }
    }

    /// How many calls wait for a thread.
    pub fn waiting(&self) -> usize {
        self.inner.shared.queue.waiting()
    }

    /// The limits; those of large components have their own under `large`.
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

    /// A call outside any event. `None`: no room for it.
    async fn ask<T: Send + 'static>(
        &self,
        lane: Lane,
        call: impl FnOnce(&Caller) -> (T, Duration) + Send + 'static,
    ) -> Option<T> {
        self.on_thread(lane, |shared| call(&shared.caller)).await.ok()
    }

    /// Does something on a guest thread when it is the lane's turn, and charges the lane the time that it says it took.
    pub(super) async fn on_thread<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnOnce(&Shared) -> (T, Duration) + Send + 'static,
    ) -> Result<T, NotRun> {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(move |shared: &Shared| {
            // Whoever asked may have gone away while the call waited.
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

/// A component that was checked.
struct LookedAt {
    checked: Checked,
    digest: String,
    /// Where its machine code was kept.
    cached: Option<Arc<CachedComponent>>,
}

/// Why something was not done on a guest thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotRun {
    /// There is no room for it.
    Busy,
    /// The host's own code panicked, or the host has ended.
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

/// A guest thread: one job after the other until the queue is closed.
fn work(shared: &Shared, workers: &WorkerClocks, worker: usize, priority: Priority) {
    let rank = match priority {
        Priority::Normal => Rank::Guest,
        Priority::Background => Rank::Background,
    };
    rank.take();
    if let Some(time) = ThreadTime::own() {
        // Nobody else sets it.
        let _ = workers[worker].set(time);
    }
    let mut used = Duration::ZERO;
    while let Some(job) = shared.queue.next(worker, priority, used) {
        used = one(shared, job);
    }
}

/// A panic in the host's own code ends one job, not the thread.
fn one(shared: &Shared, job: Job) -> Duration {
    let _ticking = shared.ticker.hold();
    catch_unwind(AssertUnwindSafe(|| job(shared))).unwrap_or_else(|_| {
        tracing::error!("plugin.host_panicked");
        Duration::ZERO
    })
}

/// Of a guest thread: wasmtime lets a guest use 512 KiB of it, and the document's walks recurse.
const STACK_BYTES: usize = 4 << 20;
