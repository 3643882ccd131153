//! Background task that restores the connection and monitors the server.
//!
//! While the connection is down it reconnects with a growing, bounded pause. While it is up it
//! checks the server's setup, memory and clock every few seconds, and the sequences: a sequence
//! that decreased means that the server has lost confirmed data. The task ends with the store,
//! never on an error. It logs changes, not attempts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use redis::{Pipeline, Value};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::connection::Wire;
use super::dial::{DialError, inspect};
use super::keys::Keys;
use super::{Inner, reply};
use crate::{Shard, StoreError};

/// Pauses between attempts to connect: the first and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Runs until the shutdown.
pub(super) async fn watch(store: Arc<Inner>, shutdown: CancellationToken) {
    let _ = shutdown.run_until_cancelled(keep(&store)).await;
}

async fn keep(store: &Inner) {
    loop {
        if store.connection.down().is_some() {
            connect(store).await;
        }
        // Until an early check is requested or the interval is over.
        let _ = timeout(
            store.dialer.config.check_every.get(),
            store.connection.fell.notified(),
        )
        .await;
        look(store).await;
    }
}

/// Retries until connected.
async fn connect(store: &Inner) {
    let mut pause = PAUSE.0;
    while let Err(error) = raise(store).await {
        store.status.set_reason(&error.to_string());
        if let DialError::Unfit(unfit, _) = error {
            store.connection.refused(unfit);
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}

/// Connects for the first time.
/// Waits without limit for a server that loads its file; any other error is returned.
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
    store.connection.connect(connected);
    pulse(store).await;
    Ok(())
}

/// Checks the server once.
/// A failure takes the connection down; in a cluster it affects only that part.
async fn look(store: &Inner) {
    let alive = pulse(store).await;
    let wire = store.connection.wire();
    let Wire::Up(connected) = &*wire else { return };
    if alive == 0 {
        store.connection.disconnect("no shard answers");
        return;
    }
    let limit = store.dialer.config.response_timeout.get();
    let inspected = timeout(limit, inspect(&connected.lines, store.dialer.config.full_at)).await;
    match inspected {
        Ok(Ok((findings, _))) => match &findings.away {
            Some(away) => store.connection.disconnect(&away.to_string()),
            None => store.status.found(&findings),
        },
        // Some servers of a cluster answer, as the pulse found.
        Ok(Err(_)) | Err(_) if store.connection.lost().is_some() => {}
        Ok(Err(error)) => store.connection.disconnect(&error.to_string()),
        Err(_) => store.connection.disconnect("no answer within the time allowed"),
    }
}

/// Reads every shard's clock and sequence, and tests a write; returns the number that answered.
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

/// Tests a write without effect: it removes the expiry of a key that has none.
/// A server that refuses writes refuses it too.
async fn takes_writes(store: &Inner, shard: Shard) -> Result<(), StoreError> {
    let mut persist = redis::cmd("PERSIST");
    persist.arg(store.keys.sequence(shard));
    store.connection.one(persist).await.map(|_| ())
}

async fn pulse_of(store: &Inner, shard: Shard) -> Result<(), StoreError> {
    let least = store.sequences.confirmed(shard);
    let mut pipeline = Pipeline::with_capacity(2);
    pipeline.cmd("GET").arg(store.keys.sequence(shard)).cmd("TIME");
    let mut replies = store.connection.many(&pipeline).await?.into_iter();
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
