//! From a component's bytes to its place on the shelf: the artifact that was kept, or one that is made now.

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

/// Who makes machine code, and where it is kept. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ComponentLoader {
    compiler: Compiler,
    artifacts: Artifacts,
    purpose: Purpose,
    /// One compilation each.
    turns: Arc<Semaphore>,
    /// Of each lane one compilation at a time waits for a turn: who uploads much does not hold up the others.
    lanes: Arc<WeakMap<Lane, Semaphore>>,
    /// One stored component each that is read and checked.
    reads: Arc<Semaphore>,
}

/// A component that was checked, and in whose turn it is compiled.
pub(super) struct Source<'a> {
    pub(super) lane: &'a Lane,
    pub(super) digest: &'a str,
    /// Its bytes, fetched when its turn has come: what waits for the compiler holds none.
    pub(super) component: BoxFuture<'a, Result<Bytes, UploadError>>,
}

impl ComponentLoader {
    /// A workshop that makes so many at the same time (`plugins.compiles`).
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

    /// The same workshop, for code for this. Both take turns.
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

    /// A place to read and check a component that is stored; few are held in memory for that at the same time.
    pub(super) async fn reading(&self) -> Result<SemaphorePermit<'_>, UploadError> {
        self.reads.acquire().await.map_err(|_| UploadError::Busy)
    }

    /// Compiles a component that was checked, in its lane's turn, unless it is kept already.
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
        // Whoever had the turn before may have made the same.
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

    /// From the artifact that was kept. One that does not load any more, after a change of processor or of limits, counts as
    /// none: making it anew says what is wrong.
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

/// How many stored components are read and checked at the same time.
const READS: usize = 8;
