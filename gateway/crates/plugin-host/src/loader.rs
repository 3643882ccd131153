//! Component loader: loads machine code into the code cache, from its artifact or by compiling it.

use std::num::NonZeroU32;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;

use super::artifact::Artifacts;
use super::code_cache::{CachedComponent, CodeCache};
use super::compile::Compiler;
use super::config::Config;
use super::engine::Purpose;
use super::queue::Lane;
use super::upload::UploadError;
use super::weak_map::WeakMap;

/// Compiles components and stores their artifacts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ComponentLoader {
    compiler: Compiler,
    artifacts: Artifacts,
    purpose: Purpose,
    /// Limits concurrent compilations.
    turns: Arc<Semaphore>,
    /// Limits each lane to one compilation in the wait for `turns`: a tenant with many uploads does
    /// not delay the others.
    lanes: Arc<WeakMap<Lane, Semaphore>>,
    /// Limits stored components that are read and checked at the same time.
    reads: Arc<Semaphore>,
}

/// A checked component, and the lane in whose turn it is compiled.
pub(super) struct Source<'a> {
    pub(super) lane: &'a Lane,
    pub(super) digest: &'a str,
    /// The component's bytes, fetched when its turn has come: a waiting component holds none in
    /// memory.
    pub(super) component: BoxFuture<'a, Result<Bytes, UploadError>>,
}

impl ComponentLoader {
    /// Creates a loader with this many concurrent compilations (`plugins.compile_concurrency`).
    pub fn new(compiler: Compiler, artifacts: Artifacts, compiles: NonZeroU32) -> Self {
        Self {
            compiler,
            artifacts,
            purpose: Purpose::Small,
            turns: Arc::new(Semaphore::new(compiles.get() as usize)),
            lanes: Arc::default(),
            reads: Arc::new(Semaphore::new(READS)),
        }
    }

    /// Returns a loader for another purpose. Both share the turns.
    pub(super) fn made_for(&self, purpose: Purpose) -> Self {
        Self {
            artifacts: self.artifacts.made_for(purpose),
            purpose,
            ..self.clone()
        }
    }

    pub(super) fn artifacts(&self) -> &Artifacts {
        &self.artifacts
    }

    /// Waits for a permit to read and check a stored component; few are in memory at a time.
    pub(super) async fn reading(&self) -> Result<SemaphorePermit<'_>, UploadError> {
        self.reads.acquire().await.map_err(|_| UploadError::Busy)
    }

    /// Compiles a checked component in its lane's turn, unless it has an artifact.
    pub(super) async fn load(
        &self,
        code_cache: &Arc<CodeCache>,
        source: Source<'_>,
        config: &Config,
    ) -> Result<Arc<CachedComponent>, UploadError> {
        let Source {
            lane,
            digest,
            component,
        } = source;
        if let Some(cached) = self.kept(code_cache, digest).await? {
            return Ok(cached);
        }
        let lane = self.lanes.of(lane.clone(), || Semaphore::new(1));
        let _first = lane.acquire().await.map_err(|_| UploadError::Busy)?;
        let turn = self.turns.acquire().await.map_err(|_| UploadError::Busy)?;
        // The holder of the turn before may have compiled the same component.
        if let Some(cached) = self.kept(code_cache, digest).await? {
            return Ok(cached);
        }
        let made = self
            .compiler
            .compile(component.await?, self.purpose, config)
            .await?;
        drop(turn);
        let (code_cache, artifacts, digest) = (code_cache.clone(), self.artifacts.clone(), digest.to_owned());
        blocking(move || {
            let artifact = artifacts.put(&digest, made).map_err(UploadError::Host)?;
            code_cache.add(digest, &artifact)
        })
        .await
    }

    /// Loads a component from its artifact.
    ///
    /// An artifact that no longer loads, after a change of processor or of limits, counts as
    /// missing: compiling the component again reports the reason.
    pub(super) async fn kept(
        &self,
        code_cache: &Arc<CodeCache>,
        digest: &str,
    ) -> Result<Option<Arc<CachedComponent>>, UploadError> {
        let (code_cache, artifacts, digest) = (code_cache.clone(), self.artifacts.clone(), digest.to_owned());
        blocking(move || {
            let artifact = artifacts.get(&digest);
            Ok(artifact.and_then(|artifact| code_cache.add(digest, &artifact).ok()))
        })
        .await
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, UploadError> + Send + 'static,
) -> Result<T, UploadError> {
    spawn_blocking(work)
        .await
        .map_err(|error| UploadError::Host(error.into()))?
}

/// Number of stored components that are read and checked at the same time.
const READS: usize = 8;
