//! Mapping of machine code from disk into this process; no other file does this.
#![allow(
    unsafe_code,
    reason = "see the argument at the call; nothing else is in this file"
)]

use wasmtime::Engine;
use wasmtime::component::Component;

use super::artifact::Artifact;

/// Loads an artifact.
///
/// # Errors
/// It was made by another version, with other settings or for another processor, and must be
/// compiled again.
pub(super) fn load(engine: &Engine, artifact: &Artifact) -> wasmtime::Result<Component> {
    // SAFETY: the bytes must be what `Engine::precompile_component` gave, unchanged. An `Artifact` is made in two places: from
    // the output of our own compiler, and from a file whose HMAC, under a secret that only gateways hold, covers the bytes, the
    // component's digest and the compiler's revision. The compiling process is our own executable, and its output comes
    // through a pipe that no one else holds. A component's author gets no bytes past either way; and wasmtime compares
    // version, settings and processor features itself before it maps anything.
    unsafe { Component::deserialize(engine, artifact.code()) }
}
