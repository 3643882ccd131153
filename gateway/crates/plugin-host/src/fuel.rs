//! Fuel counts of dry runs: about one unit an instruction, and reproducible, which time is not.
//!
//! A separate engine counts fuel. It is made at the first dry run, so that events do not pay for
//! the counting. Large components are not counted: compiling them once more would take too long for
//! a dry run.

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

/// Engine that counts fuel, with its caller and loader.
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

    /// Returns the fuel of a call; `None`: the call exceeded the fuel limit or its deadline.
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
    /// Counts the fuel of a step on an input, in the tenant's lane. `None`: it could not be
    /// counted.
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
            // Counting costs time, so the call gets a multiple of its limit.
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

/// Fuel limit; no call within its deadline reaches it.
const MOST: u64 = 1_000_000_000;
/// Factor of the time limit for calls that count fuel.
const SLOWER: u32 = 4;
/// Size of the code cache for counting, in bytes.
const ROOM: usize = 32 << 20;
