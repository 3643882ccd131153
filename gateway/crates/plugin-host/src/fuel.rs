//! The count of fuel: about one unit an instruction, the same at every run, which time never is. A second engine counts it,
//! made when the first dry run asks, so that events do not pay for the counting. Of large
//! components it is not counted: compiling them once more would take longer than anyone waits for a dry run.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::bindings::hookgate::plugin::types;
use super::call::{Caller, Input};
use super::class::Class;
use super::code_cache::{CachedComponent, CodeCache};
use super::engine::{self, Purpose};
use super::host::Host;
use super::imports;
use super::loader::{ComponentLoader, Source};
use super::ticker::Ticker;
use super::upload::UploadError;

/// The engine that counts, with what belongs to it.
pub(super) struct Fuel {
    caller: Caller,
    loader: ComponentLoader,
    ticker: Ticker,
}

impl Fuel {
    fn new(like: &Caller, loader: &ComponentLoader) -> io::Result<Self> {
        let engine = engine::counting().map_err(io::Error::other)?;
        let imports = imports::linker(&engine).map_err(io::Error::other)?;
        let loader = loader.made_for(Purpose::Fuel);
        let code_cache = CodeCache::new(
            engine.clone(),
            imports,
            loader.artifacts().clone(),
            Class::Small,
            ROOM,
        );
        Ok(Self {
            ticker: Ticker::start(vec![engine.clone()], || ())?,
            caller: Caller {
                engine,
                code_cache: Arc::new(code_cache),
                fuel: Some(MOST),
                large: None,
                ..like.clone()
            },
            loader,
        })
    }

    /// What a call takes; `None`: more than is counted, or it ended for want of time.
    fn count(
        &self,
        component: &Arc<CachedComponent>,
        input: Input,
        event: &types::EventInfo,
    ) -> (Option<u64>, Duration) {
        let _ticking = self.ticker.hold();
        let returned = self.caller.handle(component, input, event);
        let cut_short = matches!(&returned.result, Err(fault) if fault.kind == "timeout");
        let fuel = returned.spent.fuel.filter(|&fuel| fuel < MOST && !cut_short);
        (fuel, returned.used)
    }
}

impl Host {
    /// The fuel that a step takes on an input, counted in the tenant's lane. `None`: it could not be counted.
    pub(super) async fn fuel(
        &self,
        source: Bytes,
        digest: &str,
        input: Input,
        event: types::EventInfo,
    ) -> Option<u64> {
        let fuel = self.counter().ok()?.clone();
        let source = Source {
            lane: &input.tenant,
            digest,
            component: Box::pin(std::future::ready(Ok(source))),
        };
        let counted = fuel
            .loader
            .load(&fuel.caller.code_cache, source, &fuel.caller.config)
            .await;
        let component = counted.ok()?;
        let lane = input.tenant.clone();
        let input = Input {
            // Counting costs time; what ran within its limit is let run as far again.
            limit: input.limit.saturating_mul(SLOWER),
            ..input
        };
        self.on_thread(lane, move |_| fuel.count(&component, input, &event))
            .await
            .ok()
            .flatten()
    }

    fn counter(&self) -> Result<&Arc<Fuel>, UploadError> {
        if let Some(made) = self.inner.fuel.get() {
            return Ok(made);
        }
        let made = Fuel::new(&self.inner.shared.caller, &self.inner.loader).map_err(UploadError::Host)?;
        Ok(self.inner.fuel.get_or_init(|| Arc::new(made)))
    }
}

/// Fuel that is counted: no call within its deadline comes near.
const MOST: u64 = 1_000_000_000;
/// How much longer a call may take whose fuel is counted.
const SLOWER: u32 = 4;
/// Machine code that is kept loaded for counting.
const ROOM: usize = 32 << 20;
