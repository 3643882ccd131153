//! Keeps the link up, and an eye on the server.
//!
//! While the link is down it connects again, with a growing pause that has an end; while it is up it looks at the server's
//! set-up, memory and clock every few seconds, and at the sequences: one that went back means that the server has lost what
//! it had confirmed. It ends with the store, never on an error, and logs changes, not tries.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use redis::{Pipeline, Value};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::dial::{DialError, inspect};
use super::keys::Keys;
use super::link::Wire;
use super::{Inner, reply};
use crate::store::{Shard, StoreError};

/// The first pause between two tries to connect, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Runs until the shutdown.
pub(super) async fn watch(store: Arc<Inner>, shutdown: CancellationToken) {
    let _ = shutdown.run_until_cancelled(keep(&store)).await;
}

async fn keep(store: &Inner) {
    loop {
        if store.link.down().is_some() {
            connect(store).await;
        }
        // Either somebody noticed something or it is time to look.
        let _ = timeout(store.dialer.config.check_every.get(), store.link.fell.notified()).await;
        look(store).await;
    }
}

/// Connects until it is connected.
async fn connect(store: &Inner) {
    let mut pause = PAUSE.0;
    while let Err(error) = raise(store).await {
        store.status.set_reason(&error.to_string());
        if let DialError::Unfit(unfit, _) = error {
            store.link.refused(unfit);
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}

/// Connects for the first time. A server that is reading its file is waited for, however long that takes; any other error
/// ends it.
pub(super) async fn start(store: &Inner) -> Result<(), DialError> {
    loop {
        match raise(store).await {
            Err(error @ DialError::Loading) => store.status.set_reason(&error.to_string()),
            done => return done,
        }
        sleep(PAUSE.1).await;
    }
}

/// Connects once.
async fn raise(store: &Inner) -> Result<(), DialError> {
    let (connected, findings) = store.dialer.dial(&store.keys, &store.scripts).await?;
    store.status.found(&findings);
    store.link.raise(connected);
    pulse(store).await;
    Ok(())
}

/// Looks at the server once. What fails takes the link down by itself; a part of a cluster only itself.
async fn look(store: &Inner) {
    let alive = pulse(store).await;
    let wire = store.link.wire();
    let Wire::Up(connected) = &*wire else { return };
    if alive == 0 {
        store.link.lower("no shard answers");
        return;
    }
    let limit = store.dialer.config.response_timeout.get();
    let inspected = timeout(limit, inspect(&connected.lines, store.dialer.config.full_at)).await;
    match inspected {
        Ok(Ok((findings, _))) => match &findings.away {
            Some(away) => store.link.lower(&away.to_string()),
            None => store.status.found(&findings),
        },
        // Some servers of a cluster answer: the pulse says so.
        Ok(Err(_)) | Err(_) if store.link.lost().is_some() => {}
        Ok(Err(error)) => store.link.lower(&error.to_string()),
        Err(_) => store.link.lower("no answer within the time allowed"),
    }
}

/// Reads every shard's clock and sequence, and has it take a write that changes nothing; how many answered.
async fn pulse(store: &Inner) -> usize {
    let began = Instant::now();
    let trip = AtomicU64::new(u64::MAX);
    let trip = &trip;
    let pulses = join_all(Keys::shards().map(|shard| async move {
        let read = pulse_of(store, shard).await;
        if read.is_ok() {
            let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            trip.fetch_min(took, Ordering::Relaxed);
        }
        if let Err(error) = &read {
            tracing::debug!(shard = shard.0, %error, "store.no_pulse");
            return Err(error.clone());
        }
        takes_writes(store, shard).await
    }))
    .await;
    if pulses.iter().any(Result::is_ok) {
        store
            .trip
            .took(Duration::from_micros(trip.load(Ordering::Relaxed)));
    }
    let answered = |pulse: &&Result<(), StoreError>| !matches!(pulse, Err(StoreError::Unavailable(_)));
    let unfit = pulses
        .iter()
        .any(|pulse| matches!(pulse, Err(StoreError::Unusable(_))));
    if !unfit && pulses.iter().any(Result::is_ok) {
        store.status.fit();
    }
    pulses.iter().filter(answered).count()
}

/// A server that refuses writes refuses this one too, which removes the end of what has none.
async fn takes_writes(store: &Inner, shard: Shard) -> Result<(), StoreError> {
    let mut persist = redis::cmd("PERSIST");
    persist.arg(store.keys.sequence(shard));
    store.link.one(persist).await.map(|_| ())
}

async fn pulse_of(store: &Inner, shard: Shard) -> Result<(), StoreError> {
    let least = store.sequences.confirmed(shard);
    let mut pipeline = Pipeline::with_capacity(2);
    pipeline.cmd("GET").arg(store.keys.sequence(shard)).cmd("TIME");
    let mut replies = store.link.many(&pipeline).await?.into_iter();
    let (Some(sequence), Some(time)) = (replies.next(), replies.next()) else {
        return Err(reply::unexpected("two replies"));
    };
    store.time.saw(shard, reply::time(time)?);
    let sequence = if sequence == Value::Nil {
        0
    } else {
        reply::number(sequence)?
    };
    if sequence < least {
        store.status.lost(shard, least - sequence);
        store.sequences.reset(shard, sequence);
    } else {
        store.sequences.confirm(shard, sequence);
    }
    Ok(())
}
