//! The plugin host: its threads, its queue, and the handle that the rest of the gateway has of it.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, oneshot};
use wasmtime::component::Linker;

use super::artifact::Artifacts;
use super::bindings::exports::hookgate::plugin::handler as wit;
use super::call::{Caller, Returned};
use super::compile::Compiler;
use super::component::{Component, Description, Linked};
use super::config::Config;
use super::failure::{Failure, Fault};
use super::guest::Guest;
use super::log::escaped;
use super::queue::FairQueue;
use super::ticker::Ticker;
use super::upload::{self, UploadError};
use super::{Call, Done, SettingsProblem, Verdict, engine, imports, machine_code, run};
use crate::clock::Clock;
use crate::document::Document;

/// Runs plugins. Cheap to clone; the threads end when the last clone is dropped.
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

/// Where the host keeps and makes machine code, and the secret behind its keys.
#[derive(Debug, Clone)]
pub struct Workshop {
    /// Who compiles.
    pub compiler: Compiler,
    /// What was compiled.
    pub artifacts: Artifacts,
}

struct Inner {
    shared: Arc<Shared>,
    linker: Linker<Guest>,
    workshop: Workshop,
    compiles: Semaphore,
}

/// What the guest threads need.
struct Shared {
    caller: Caller,
    clock: Clock,
    ticker: Ticker,
    queue: FairQueue<Job>,
    pseudonyms: [u8; 32],
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
        workshop: Workshop,
        pseudonyms: [u8; 32],
    ) -> io::Result<Self> {
        let engine = engine::running(config).map_err(io::Error::other)?;
        let linker = imports::linker(&engine).map_err(io::Error::other)?;
        let shared = Arc::new(Shared {
            ticker: Ticker::start(engine.clone())?,
            queue: FairQueue::new(config.queue_per_tenant as usize, config.queue as usize),
            clock,
            pseudonyms,
            caller: Caller {
                engine,
                config: config.clone(),
            },
        });
        for n in 0..config.thread_count() {
            let shared = shared.clone();
            thread::Builder::new()
                .name(format!("plugin-{n}"))
                .stack_size(STACK_BYTES)
                .spawn(move || work(&shared))?;
        }
        let inner = Inner {
            shared,
            linker,
            workshop,
            compiles: Semaphore::new(config.compiles.get() as usize),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Checks a component, compiles it or takes its artifact, links it and asks what it is.
    ///
    /// # Errors
    /// What is wrong with it, in words for the one who uploads it.
    pub async fn load(&self, bytes: Bytes) -> Result<Arc<Component>, UploadError> {
        upload::check(&bytes, self.config())?;
        let digest = hex::encode(Sha256::digest(&bytes));
        let linked = self.link(&digest, bytes).await?;
        let description = self.describe(&linked).await?;
        Ok(Arc::new(Component {
            digest,
            description,
            linked,
        }))
    }

    /// Asks a component what is wrong with settings; an empty list: nothing.
    ///
    /// # Errors
    /// When it fails at telling, or (kind `busy`) cannot be asked now.
    pub async fn check_settings(
        &self,
        component: &Component,
        settings: Arc<Document>,
    ) -> Result<Vec<SettingsProblem>, Failure> {
        let linked = component.linked.clone();
        let checked = self
            .ask(move |caller| caller.check_settings(&linked, settings))
            .await;
        let busy = || Err(Fault::new("busy", "too many calls wait for a thread; try again"));
        checked
            .unwrap_or_else(busy)
            .map_err(|fault| fault.of(&component.description.name))
    }

    /// Runs a chain on an event's document, when it is the tenant's turn.
    pub async fn run(&self, call: Call) -> Done {
        let lane = Some(call.tenant.clone());
        let (reply, done) = oneshot::channel();
        let job = Box::new(move |shared: &Shared| {
            // Whoever asked may have gone away while the call waited.
            if reply.is_closed() {
                return Duration::ZERO;
            }
            let key = pseudonym_key(&shared.pseudonyms, call.tenant.as_str());
            let (done, used) = run::chain(&shared.caller, call, key, shared.clock.now().as_millis());
            let _ = reply.send(done);
            used
        });
        if self.inner.shared.queue.push(lane, job).is_err() {
            return Done::without_data(Verdict::Busy);
        }
        done.await.unwrap_or_else(|_| {
            let fault = Fault::new("internal", "the plugin host failed; its log says how");
            Done::without_data(Verdict::Failed(fault.of("")))
        })
    }

    /// How many calls wait for a thread.
    pub fn waiting(&self) -> usize {
        self.inner.shared.queue.waiting()
    }

    fn config(&self) -> &Config {
        &self.inner.shared.caller.config
    }

    async fn link(&self, digest: &str, bytes: Bytes) -> Result<Linked, UploadError> {
        let engine = &self.inner.shared.caller.engine;
        let kept = self
            .artifacts(digest, |artifacts, digest| Ok(artifacts.get(&digest)))
            .await?;
        // An artifact that another processor's features are in does not load; it is made anew.
        let loaded = kept.and_then(|artifact| machine_code::load(engine, &artifact).ok());
        let code = match loaded {
            Some(code) => code,
            None => {
                let _turn = self
                    .inner
                    .compiles
                    .acquire()
                    .await
                    .map_err(|_| UploadError::Busy)?;
                let made = self.inner.workshop.compiler.compile(bytes, self.config()).await?;
                let artifact = self
                    .artifacts(digest, move |artifacts, digest| artifacts.put(&digest, made))
                    .await?;
                machine_code::load(engine, &artifact)
                    .map_err(|error| UploadError::Unfit(format!("{error:#}")))?
            }
        };
        Linked::new(&code, &self.inner.linker)
    }

    async fn artifacts<T: Send + 'static>(
        &self,
        digest: &str,
        work: impl FnOnce(Artifacts, String) -> io::Result<T> + Send + 'static,
    ) -> Result<T, UploadError> {
        let (artifacts, digest) = (self.inner.workshop.artifacts.clone(), digest.to_owned());
        let done = tokio::task::spawn_blocking(move || work(artifacts, digest)).await;
        done.map_err(io::Error::from)
            .and_then(|result| result)
            .map_err(UploadError::Host)
    }

    async fn describe(&self, linked: &Linked) -> Result<Description, UploadError> {
        let linked = linked.clone();
        let described = self.ask(move |caller| caller.describe(&linked)).await;
        match described.ok_or(UploadError::Busy)? {
            Ok(description) => bounded(description),
            Err(fault) => Err(UploadError::Describe(format!(
                "failed ({}): {}",
                fault.kind, fault.message
            ))),
        }
    }

    /// A call outside any event, in the gateway's own lane. `None`: no room for it.
    async fn ask<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Caller) -> Returned<T> + Send + 'static,
    ) -> Option<Result<T, Fault>> {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(move |shared: &Shared| {
            let returned = call(&shared.caller);
            let _ = reply.send(returned.result);
            returned.used
        });
        self.inner.shared.queue.push(None, job).ok()?;
        answer.await.ok()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

/// A guest thread: one job after the other until the queue is closed.
fn work(shared: &Shared) {
    while let Some((lane, job)) = shared.queue.pop() {
        let used = one(shared, job);
        shared.queue.charge(&lane, used);
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

/// Each tenant's own, so that equal values of two tenants are not recognisable as equal.
fn pseudonym_key(secret: &[u8; 32], tenant: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(b"pseudonyms of ");
    mac.update(tenant.as_bytes());
    mac.finalize().into_bytes().into()
}

/// A description whose texts fit into names, lists and pages.
fn bounded(description: wit::Description) -> Result<Description, UploadError> {
    let wit::Description {
        name,
        version,
        summary,
        settings_schema,
        redacts,
    } = description;
    let slug = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if !(1..=63).contains(&name.len()) || !name.bytes().all(slug) {
        return Err(UploadError::Describe(
            "gives a name that is not 1 to 63 of a-z, 0-9 and -".to_owned(),
        ));
    }
    if settings_schema
        .as_ref()
        .is_some_and(|schema| schema.len() > SCHEMA_BYTES)
    {
        return Err(UploadError::Describe(format!(
            "gives a settings schema of more than {SCHEMA_BYTES} bytes"
        )));
    }
    Ok(Description {
        name,
        version: escaped(&version, 64),
        summary: escaped(&summary, 256),
        settings_schema,
        redacts,
    })
}

/// Of a guest thread: wasmtime lets a guest use 512 KiB of it, and the document's walks recurse.
const STACK_BYTES: usize = 4 << 20;
/// Of a settings schema.
const SCHEMA_BYTES: usize = 64 << 10;
