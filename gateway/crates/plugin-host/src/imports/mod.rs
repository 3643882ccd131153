//! Imports of a component: the interfaces of the world `plugin`, and WASI for the language's
//! standard library.

mod document;
pub(super) mod wasi;

use wasmtime::component::{HasSelf, Linker, Resource};

use super::bindings::Plugin;
use super::bindings::hookgate::plugin::{clock, config, log, types};
use super::guest::{Guest, Json, Place};
use super::log::Level;

/// Creates a linker with the interfaces of the world `plugin`.
pub(super) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    Plugin::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    Ok(linker)
}

impl types::Host for Guest {}

impl log::Host for Guest {
    fn log(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Trace => Level::Trace,
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        self.log.write(level, &message);
        Ok(())
    }
}

impl clock::Host for Guest {
    fn now_ms(&mut self) -> wasmtime::Result<u64> {
        Ok(self.now_ms)
    }
}

impl config::Host for Guest {
    fn settings(&mut self) -> wasmtime::Result<Resource<Json>> {
        Ok(Resource::new_own(Place::Settings as u32))
    }
}
