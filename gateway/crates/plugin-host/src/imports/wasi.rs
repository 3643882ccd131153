//! WASI 0.2, as far as a guest's standard library imports it, even where the guest does not use it.
//!
//! Standard output and error are written to the call's log; so a panic's text reaches the plugin's
//! author. The clocks do not advance, randomness is the same in every call, and there are no
//! arguments, variables, files or terminals. Every other function of the granted interfaces is
//! linked to a trap that names it. An interface that is not granted is refused at upload.

use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{
    Component, ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType,
};
use wasmtime::{Engine, StoreContextMut};

use crate::guest::Guest;

/// Interfaces of WASI 0.2, of any patch version, that a component may import.
pub(crate) const GRANTED: [&str; 20] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];

/// Any WASI resource: a stream, an error, a file. Only the standard streams exist, identified by
/// their representation.
struct Handle;

const STDIN: u32 = 0;
const STDOUT: u32 = 1;
const STDERR: u32 = 2;

#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    Failed(Resource<Handle>),
    #[component(name = "closed")]
    Closed,
}

#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

/// Call of a granted interface's function that is not implemented.
#[derive(Debug, thiserror::Error)]
#[error("called `{0}`, which plugins are not given")]
pub(crate) struct NotGiven(String);

/// Exit of the guest, as a Rust guest exits after a panic.
#[derive(Debug, thiserror::Error)]
#[error("ended itself with `exit`")]
pub(crate) struct Exited;

/// Links the granted interfaces that the component imports.
pub(crate) fn link(linker: &mut Linker<Guest>, component: &Component) -> wasmtime::Result<()> {
    let engine = component.engine().clone();
    for (name, item) in component.component_type().imports(&engine) {
        let ComponentItem::ComponentInstance(instance) = item.ty else {
            continue;
        };
        if let Some(interface) = granted(name) {
            refuse(
                &mut linker.instance(&versioned(interface))?,
                interface,
                &instance,
                &engine,
            )?;
        }
    }
    linker.allow_shadowing(true);
    serve_cli(linker)?;
    serve_io(linker)?;
    serve_rest(linker)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Returns the granted interface that an import names, if any.
pub(crate) fn granted(import: &str) -> Option<&'static str> {
    let (interface, version) = import.split_once('@')?;
    version.strip_prefix("0.2.")?;
    GRANTED.into_iter().find(|granted| *granted == interface)
}

/// Name of an interface for the linker, which resolves any 0.2 import to `…@0.2.0`.
fn versioned(interface: &str) -> String {
    format!("{interface}@0.2.0")
}

/// Links every resource to a handle and every function to a trap.
fn refuse(
    linker: &mut LinkerInstance<'_, Guest>,
    interface: &str,
    imported: &ComponentInstance,
    engine: &Engine,
) -> wasmtime::Result<()> {
    for (name, item) in imported.exports(engine) {
        match item.ty {
            ComponentItem::ComponentFunc(_) => {
                let called = format!("{interface}#{name}");
                linker.func_new(name, move |_, _, _, _| Err(NotGiven(called.clone()).into()))?;
            }
            ComponentItem::Resource(_) => {
                linker.resource(name, ResourceType::host::<Handle>(), |_, _| Ok(()))?;
            }
            _ => {}
        }
    }
    Ok(())
}

type Guests<'a> = StoreContextMut<'a, Guest>;

fn serve_cli(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut environment = linker.instance(&versioned("wasi:cli/environment"))?;
    environment.func_wrap("get-environment", |_: Guests<'_>, (): ()| {
        Ok((Vec::<(String, String)>::new(),))
    })?;
    environment.func_wrap("get-arguments", |_: Guests<'_>, (): ()| {
        Ok((Vec::<String>::new(),))
    })?;
    environment.func_wrap("initial-cwd", |_: Guests<'_>, (): ()| Ok((None::<String>,)))?;
    linker.instance(&versioned("wasi:cli/exit"))?.func_wrap(
        "exit",
        |_: Guests<'_>, (_,): (Result<(), ()>,)| -> wasmtime::Result<()> { Err(Exited.into()) },
    )?;
    for (stream, handle) in [("stdin", STDIN), ("stdout", STDOUT), ("stderr", STDERR)] {
        linker
            .instance(&versioned(&format!("wasi:cli/{stream}")))?
            .func_wrap(&format!("get-{stream}"), move |_: Guests<'_>, (): ()| {
                Ok((Resource::<Handle>::new_own(handle),))
            })?;
        linker
            .instance(&versioned(&format!("wasi:cli/terminal-{stream}")))?
            .func_wrap(&format!("get-terminal-{stream}"), |_: Guests<'_>, (): ()| {
                Ok((None::<Resource<Handle>>,))
            })?;
    }
    Ok(())
}

fn serve_io(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    type Written = Result<(), StreamError>;
    let mut streams = linker.instance(&versioned("wasi:io/streams"))?;
    for name in [
        "[method]output-stream.write",
        "[method]output-stream.blocking-write-and-flush",
    ] {
        streams.func_wrap(
            name,
            |mut guest: Guests<'_>, (stream, bytes): (Resource<Handle>, Vec<u8>)| {
                written(guest.data_mut(), stream.rep(), &bytes);
                Ok((Written::Ok(()),))
            },
        )?;
    }
    for name in [
        "[method]output-stream.flush",
        "[method]output-stream.blocking-flush",
    ] {
        streams.func_wrap(name, |_: Guests<'_>, (_,): (Resource<Handle>,)| {
            Ok((Written::Ok(()),))
        })?;
    }
    streams.func_wrap(
        "[method]output-stream.check-write",
        |_: Guests<'_>, (_,): (Resource<Handle>,)| Ok((Ok::<u64, StreamError>(4_096),)),
    )?;
    for name in ["[method]input-stream.read", "[method]input-stream.blocking-read"] {
        streams.func_wrap(name, |_: Guests<'_>, (_, _): (Resource<Handle>, u64)| {
            Ok((Err::<Vec<u8>, _>(StreamError::Closed),))
        })?;
    }
    for name in [
        "[method]output-stream.subscribe",
        "[method]input-stream.subscribe",
    ] {
        streams.func_wrap(name, |_: Guests<'_>, (_,): (Resource<Handle>,)| {
            Ok((Resource::<Handle>::new_own(STDIN),))
        })?;
    }
    let mut poll = linker.instance(&versioned("wasi:io/poll"))?;
    poll.func_wrap(
        "[method]pollable.block",
        |_: Guests<'_>, (_,): (Resource<Handle>,)| Ok(()),
    )?;
    poll.func_wrap(
        "[method]pollable.ready",
        |_: Guests<'_>, (_,): (Resource<Handle>,)| Ok((true,)),
    )
}

fn written(guest: &mut Guest, stream: u32, bytes: &[u8]) {
    if stream == STDERR {
        guest.log.write_stderr(bytes);
    } else {
        guest.log.write_stdout(bytes);
    }
}

fn serve_rest(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.instance(&versioned("wasi:clocks/wall-clock"))?.func_wrap(
        "now",
        |guest: Guests<'_>, (): ()| {
            let now = guest.data().now_ms;
            let nanoseconds = u32::try_from(now % 1_000).unwrap_or_default() * 1_000_000;
            Ok((Datetime {
                seconds: now / 1_000,
                nanoseconds,
            },))
        },
    )?;
    linker
        .instance(&versioned("wasi:clocks/monotonic-clock"))?
        .func_wrap("now", |guest: Guests<'_>, (): ()| {
            Ok((guest.data().now_ms.saturating_mul(1_000_000),))
        })?;
    linker
        .instance(&versioned("wasi:filesystem/preopens"))?
        .func_wrap("get-directories", |_: Guests<'_>, (): ()| {
            Ok((Vec::<(Resource<Handle>, String)>::new(),))
        })?;
    serve_random(linker)
}

fn serve_random(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    for (interface, prefix) in [("random", "get-random"), ("insecure", "get-insecure-random")] {
        let mut random = linker.instance(&versioned(&format!("wasi:random/{interface}")))?;
        random.func_wrap(&format!("{prefix}-u64"), |mut guest: Guests<'_>, (): ()| {
            Ok((word(guest.data_mut()),))
        })?;
        random.func_wrap(
            &format!("{prefix}-bytes"),
            |mut guest: Guests<'_>, (count,): (u64,)| {
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                if count > RANDOM_BYTES {
                    return Err(NotGiven(format!("wasi:random#get-random-bytes({count})")).into());
                }
                let bytes = (0..count.div_ceil(8)).flat_map(|_| word(guest.data_mut()).to_le_bytes());
                Ok((bytes.take(count).collect::<Vec<u8>>(),))
            },
        )?;
    }
    linker
        .instance(&versioned("wasi:random/insecure-seed"))?
        .func_wrap("insecure-seed", |mut guest: Guests<'_>, (): ()| {
            Ok(((word(guest.data_mut()), word(guest.data_mut())),))
        })
}

/// Next random word: `SplitMix64` from a fixed seed (Steele, Lea, Flood 2014).
///
/// The words are well spread for a hash map's seed, and the same in every replay.
fn word(guest: &mut Guest) -> u64 {
    guest.random += 1;
    let mut z = guest.random.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Maximum number of random bytes; a seed never needs more.
const RANDOM_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_patch_version_of_the_granted_interfaces() {
        for (import, expected) in [
            ("wasi:cli/stderr@0.2.0", Some("wasi:cli/stderr")),
            ("wasi:io/streams@0.2.12", Some("wasi:io/streams")),
            ("wasi:io/streams@0.3.0", None),
            ("wasi:io/streams", None),
            ("wasi:sockets/tcp@0.2.0", None),
            ("wasi:http/outgoing-handler@0.2.0", None),
        ] {
            assert_eq!(granted(import), expected, "{import}");
        }
    }
}
