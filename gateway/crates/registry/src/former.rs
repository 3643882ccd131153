//! What is left of a tenant that was deleted: nothing. Its events, deliveries, dead letters and idempotency keys are removed when
//! it is deleted; and before another is made under its name, whatever was cut short or came late.
//!
//! Only one gateway at a time removes or makes a tenant of a name, so that nothing is removed that a new tenant has accepted: who
//! has the turn has left a note in the store, which goes by itself after [`HOLD`].

use std::time::Duration;

use bytes::Bytes;

use super::{Registry, RegistryError};
use hookgate_domain::TenantId;
use hookgate_runtime::telemetry::error_chain;
use hookgate_store::FeedPosition;

/// The right to make a tenant of a name, or to remove what one has left.
pub(super) struct Turn {
    name: String,
    own: Bytes,
}

impl Registry {
    /// Waits until nobody else has the turn for a name, for a little while.
    ///
    /// # Errors
    /// `StillGoing`, `Store`.
    pub(super) async fn take_turn(&self, id: &TenantId) -> Result<Turn, RegistryError> {
        self.take_named_turn(format!("tenant:{id}")).await
    }

    /// The same for something else that only one gateway at a time may work on.
    ///
    /// # Errors
    /// `StillGoing`, `Store`.
    pub(super) async fn take_named_turn(&self, name: String) -> Result<Turn, RegistryError> {
        let own = Bytes::copy_from_slice(self.inner.ids.event().as_str().as_bytes());
        for _ in 0..TRIES {
            let there = self.inner.store.note_put(&name, own.clone(), HOLD, None).await?;
            if there.is_none_or(|there| there == own) {
                return Ok(Turn { name, own });
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(RegistryError::StillGoing)
    }

    /// Gives the turn back; false: it had ended before, and somebody else may have had it. A store that does not hear of it
    /// forgets it by itself.
    pub(super) async fn end_turn(&self, turn: Turn) -> bool {
        let ended = self
            .inner
            .store
            .note_replace(&turn.name, turn.own, None, None)
            .await;
        ended.unwrap_or_else(|error| {
            tracing::info!(error = %error_chain(&error), "tenant.turn_kept");
            false
        })
    }

    /// Removes what a tenant has left that is no more. Of one that is there, nothing.
    ///
    /// # Errors
    /// `StillGoing`: it takes longer than a turn lasts, and the next one goes on. `Store`.
    pub(super) async fn forget_former(&self, id: &TenantId, _: &Turn) -> Result<(), RegistryError> {
        let store = &self.inner.store;
        if store.registry_load(id).await?.is_some() {
            return Ok(());
        }
        self.forget_uses(id).await?;
        let begun = self.inner.clock.now();
        let last = store.feed_back(id, FeedPosition::END, 1).await?;
        let until = last
            .events
            .first()
            .map_or(FeedPosition::START, |(position, _)| *position);
        while store.forget_tenant(id, until).await? {
            if self.inner.clock.now().since(begun) > HOLD / 2 {
                return Err(RegistryError::StillGoing);
            }
        }
        Ok(())
    }

    /// Removes what a tenant has left that was just deleted, however long it takes.
    pub(super) async fn forget_deleted(self, id: TenantId) {
        loop {
            let done = match self.take_turn(&id).await {
                Ok(turn) => {
                    let done = self.forget_former(&id, &turn).await;
                    self.end_turn(turn).await;
                    done
                }
                Err(error) => Err(error),
            };
            match done {
                Ok(()) => return,
                Err(RegistryError::StillGoing) => {}
                Err(error) => {
                    // It goes when it is old, or before another tenant of this name is made.
                    tracing::warn!(tenant = %id, error = %error_chain(&error), "tenant.events_kept");
                    return;
                }
            }
        }
    }
}

/// How long a turn lasts.
const HOLD: Duration = Duration::from_secs(60);
/// How often, and how far apart, a turn is asked for: five seconds in all.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(50);
