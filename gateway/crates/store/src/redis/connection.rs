//! Connection to the server or cluster: sends commands and pipelines, and tracks its state.
//!
//! While the server is unavailable every request fails at once. Requests are never sent twice,
//! except calls of scripts that the server did not know, which had no effect. The outcome of a
//! failed request is unknown, and only the caller can decide whether to repeat it. `watch` restores
//! the connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use redis::{Cmd, FromRedisValue, Pipeline, RedisError, RedisResult, Value};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::fault::{Failure, Fault, Unfit};
use super::lost::{Lost, tag_of};
use super::script::{Call, Dialect};
use super::status::Status;
use crate::StoreError;

/// Connection to the server, shared by all operations of this store.
pub(super) struct Connection {
    wire: ArcSwap<Wire>,
    turn: AtomicUsize,
    /// Timeout of a request.
    timeout: Duration,
    status: Arc<Status>,
    /// Parts of a cluster whose server does not answer.
    lost: Lost,
    /// Wakes `watch` when the connection is lost or has to be checked.
    pub(super) fell: Notify,
}

/// State of the connection.
pub(super) enum Wire {
    /// Disconnected; every request fails with this failure.
    Down(Failure),
    /// Connected.
    Up(Connected),
}

/// Connections to a server or a cluster.
pub(super) struct Connected {
    /// The connections.
    pub(super) lines: Lines,
    /// Script dialect of the servers.
    pub(super) dialect: Dialect,
}

/// Connections to one server or to a cluster.
pub(super) enum Lines {
    /// Connections to one server, used in turn.
    /// One connection is one stream of replies, and a large reply delays those behind it.
    Single(Vec<MultiplexedConnection>),
    /// Cluster connection, which finds the right server by the key's hash tag.
    Cluster(ClusterConnection),
}

impl Connection {
    /// Creates a connection that is down until `connect`.
    pub(super) fn new(timeout: Duration, status: Arc<Status>) -> Self {
        Self {
            wire: ArcSwap::from_pointee(Wire::Down(Failure::away("not connected yet"))),
            turn: AtomicUsize::new(0),
            timeout,
            status,
            lost: Lost::default(),
            fell: Notify::new(),
        }
    }

    /// Uses these connections from now on.
    pub(super) fn connect(&self, connected: Connected) {
        self.lost.clear();
        let before = self.wire.swap(Arc::new(Wire::Up(connected)));
        if let Wire::Down(_) = &*before {
            tracing::info!("store.connected");
        }
    }

    /// Reason why the connection is down; `None` if it is up.
    pub(super) fn down(&self) -> Option<String> {
        match &**self.wire.load() {
            Wire::Down(failure) => Some(failure.text.clone()),
            Wire::Up(_) => None,
        }
    }

    /// Number of cluster parts that do not answer, and the reason of one of them.
    pub(super) fn lost(&self) -> Option<(usize, String)> {
        self.lost.count()
    }

    /// Marks the connection as down, unless `wire` was replaced in the meantime.
    fn fall(&self, wire: &Arc<Wire>, reason: &str) {
        let down = Arc::new(Wire::Down(Failure::away(reason)));
        let before = self.wire.compare_and_swap(wire, down);
        if Arc::ptr_eq(&before, wire) {
            tracing::warn!(reason, "store.lost");
            self.fell.notify_one();
        }
    }

    /// Records that the server refuses connections.
    /// Requests fail for this reason until it accepts one.
    pub(super) fn refused(&self, unfit: Unfit) {
        let wire = self.wire.load_full();
        if let Wire::Down(_) = &*wire {
            let failure = Failure {
                fault: Fault::Unfit(unfit),
                text: unfit.to_string(),
            };
            self.wire.compare_and_swap(&wire, Arc::new(Wire::Down(failure)));
        }
    }

    /// Marks the connection as down.
    pub(super) fn disconnect(&self, reason: &str) {
        let wire = self.wire.load_full();
        if let Wire::Up(_) = &*wire {
            self.fall(&wire, reason);
        }
    }

    /// Current state, for checks of the servers.
    pub(super) fn wire(&self) -> Arc<Wire> {
        self.wire.load_full()
    }

    /// Requests an early check by `watch`, after a timeout.
    pub(super) fn check_soon(&self) {
        self.fell.notify_one();
    }

    /// Sends one command and returns its reply.
    pub(super) async fn one(&self, command: Cmd) -> Result<Value, StoreError> {
        let mut pipeline = Pipeline::with_capacity(1);
        pipeline.add_command(command);
        let mut replies = self.many(&pipeline).await?;
        replies.pop().ok_or_else(missing)
    }

    /// Sends commands whose keys all have one hash tag, and returns the replies.
    pub(super) async fn many(&self, pipeline: &Pipeline) -> Result<Vec<Value>, StoreError> {
        let wire = self.wire.load_full();
        let replies = self.send(&wire, pipeline).await?;
        replies
            .into_iter()
            .map(|reply| Ok(self.judged(&wire, reply)?))
            .collect()
    }

    /// Sends commands as a transaction and returns the replies. All keys have one hash tag.
    pub(super) async fn atomic(&self, pipeline: &mut Pipeline) -> Result<Vec<Value>, StoreError> {
        let wire = self.wire.load_full();
        let reply = self
            .send(&wire, pipeline.atomic())
            .await?
            .pop()
            .ok_or_else(missing)?;
        let Value::Array(replies) = self.judged(&wire, reply)? else {
            return Err(missing());
        };
        replies
            .into_iter()
            .map(|reply| Ok(self.judged(&wire, reply)?))
            .collect()
    }

    /// Calls a script and returns its reply.
    pub(super) async fn call(&self, call: Call<'_>) -> Result<Value, StoreError> {
        self.calls(&[call]).await.pop().unwrap_or_else(|| Err(missing()))
    }

    /// Calls scripts whose keys all have one hash tag; one reply each, in order.
    pub(super) async fn calls(&self, calls: &[Call<'_>]) -> Vec<Result<Value, StoreError>> {
        let wire = self.wire.load_full();
        let dialect = match &*wire {
            Wire::Up(connected) => connected.dialect,
            Wire::Down(_) => Dialect::Flags,
        };
        let mut replies = self
            .try_calls(&wire, calls.iter().map(|call| call.by_hash(dialect)))
            .await;
        let unknown: Vec<usize> = (0..calls.len())
            .filter(|&i| matches!(&replies[i], Err(failure) if failure.fault == Fault::NoScript))
            .collect();
        if !unknown.is_empty() {
            let again = unknown.iter().map(|&i| calls[i].by_source(dialect));
            for (&i, reply) in unknown.iter().zip(self.try_calls(&wire, again).await) {
                replies[i] = reply;
            }
        }
        replies
            .into_iter()
            .map(|reply| reply.map_err(StoreError::from))
            .collect()
    }

    async fn try_calls(
        &self,
        wire: &Arc<Wire>,
        calls: impl Iterator<Item = Cmd>,
    ) -> Vec<Result<Value, Failure>> {
        let mut pipeline = Pipeline::new();
        for call in calls {
            pipeline.add_command(call);
        }
        match self.send(wire, &pipeline).await {
            Ok(replies) => replies
                .into_iter()
                .map(|reply| self.judged(wire, reply))
                .collect(),
            Err(failure) => vec![Err(failure); pipeline.len()],
        }
    }

    /// Sends commands and returns the replies, each of which may be an error.
    async fn send(&self, wire: &Arc<Wire>, pipeline: &Pipeline) -> Result<Vec<Value>, Failure> {
        let connected = match &**wire {
            Wire::Up(connected) => connected,
            Wire::Down(failure) => return Err(failure.clone()),
        };
        match &connected.lines {
            Lines::Single(_) => {
                let sent = self.sent(connected, pipeline).await;
                sent.inspect_err(|failure| self.failed(wire, failure))
            }
            Lines::Cluster(_) => self.send_to_part(connected, pipeline).await,
        }
    }

    /// Sends to the cluster server that has the keys' slot.
    /// A server that is down affects only its slots: the client library reconnects to it, or learns
    /// which server has the slots now.
    async fn send_to_part(&self, connected: &Connected, pipeline: &Pipeline) -> Result<Vec<Value>, Failure> {
        let Some(tag) = tag_of(pipeline) else {
            return self.sent(connected, pipeline).await;
        };
        self.lost.admit(&tag, Instant::now())?;
        let sent = self.sent_after(connected, pipeline, &tag).await;
        let away = match &sent {
            Ok(replies) => replies.iter().find_map(|reply| match reply {
                Value::ServerError(error) => Some(Failure::from(error.clone())),
                _ => None,
            }),
            Err(failure) => Some(failure.clone()),
        };
        match away.filter(|failure| failure.fault == Fault::Away) {
            Some(failure) => {
                if self.lost.lose(&tag, &failure.text, Instant::now()) {
                    tracing::warn!(part = %tag, reason = %failure.text, "store.part_lost");
                    self.check_soon();
                }
            }
            None => {
                if self.lost.find(&tag) {
                    tracing::info!(part = %tag, "store.part_connected");
                }
            }
        }
        if let Err(Failure {
            fault: Fault::Unfit(unfit),
            ..
        }) = &sent
        {
            self.status.unfit(*unfit);
        }
        sent
    }

    /// Sends again what nobody did because its keys move to another server: that one is found out meanwhile, or has all of them.
    async fn sent_after(
        &self,
        connected: &Connected,
        pipeline: &Pipeline,
        tag: &str,
    ) -> Result<Vec<Value>, Failure> {
        let (began, mut pause) = (Instant::now(), MOVE_PAUSE.0);
        loop {
            let sent = self.sent(connected, pipeline).await;
            match &sent {
                Err(failure) if failure.fault == Fault::Moving => {
                    tracing::debug!(part = %tag, reason = %failure.text, "store.part_moves");
                    if began.elapsed() + pause > MOVE_PATIENCE.min(self.timeout) {
                        // All send it on, and who should have it does not answer: the part is away.
                        let is_sent_on = failure.text.to_ascii_lowercase().starts_with("moved");
                        return match is_sent_on {
                            true => Err(Failure::away(&failure.text)),
                            false => sent,
                        };
                    }
                }
                Ok(_) | Err(_) => return sent,
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(MOVE_PAUSE.1);
        }
    }

    async fn sent(&self, connected: &Connected, pipeline: &Pipeline) -> Result<Vec<Value>, Failure> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        match timeout(self.timeout, connected.lines.send(turn, pipeline)).await {
            Ok(Ok(replies)) => Ok(replies),
            Ok(Err(error)) => Err(Failure::from(error)),
            Err(_) => Err(Failure::away("no answer within the time allowed")),
        }
    }

    fn judged(&self, wire: &Arc<Wire>, reply: Value) -> Result<Value, Failure> {
        let Value::ServerError(error) = reply else {
            return Ok(reply);
        };
        let failure = Failure::from(error);
        self.failed(wire, &failure);
        Err(failure)
    }

    /// Updates the state after a failure. `send_to_part` does so for a part of a cluster.
    fn failed(&self, wire: &Arc<Wire>, failure: &Failure) {
        match (failure.fault, &**wire) {
            (Fault::Unfit(unfit), _) => self.status.unfit(unfit),
            (
                Fault::Away,
                Wire::Up(Connected {
                    lines: Lines::Single(_),
                    ..
                }),
            ) => self.fall(wire, &failure.text),
            _ => {}
        }
    }
}

impl Lines {
    /// Replies of all servers: one server, or all primaries of a cluster.
    pub(super) async fn ask(&self, command: &Cmd) -> RedisResult<Vec<Value>> {
        match self {
            Self::Single(lines) => match lines.first() {
                Some(line) => Ok(vec![
                    line.clone().send_packed_command(command).await?.extract_error()?,
                ]),
                None => Ok(Vec::new()),
            },
            Self::Cluster(cluster) => {
                let primaries = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
                match cluster.clone().route_command(command.clone(), primaries).await {
                    Ok(Value::Map(answers)) => Ok(answers.into_iter().map(|(_, answer)| answer).collect()),
                    Ok(Value::Array(answers)) => Ok(answers),
                    Ok(answer) => Ok(vec![answer]),
                    Err(error) => ask_parts(cluster, command, error).await,
                }
            }
        }
    }

    /// Reply to one command with a key.
    pub(super) async fn one<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        let mut pipeline = Pipeline::with_capacity(1);
        pipeline.add_command(command.clone());
        let reply = self.send(0, &pipeline).await?.pop().unwrap_or_default();
        Ok(redis::from_redis_value(reply.extract_error()?)?)
    }

    async fn send(&self, turn: usize, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
        let (skip, take) = if pipeline.is_transaction() {
            (pipeline.len() + 1, 1)
        } else {
            (0, pipeline.len())
        };
        match self {
            Self::Single(lines) => {
                let mut line = lines[turn % lines.len()].clone();
                line.send_packed_commands(pipeline, skip, take).await
            }
            Self::Cluster(cluster) => cluster.clone().req_packed_commands(pipeline, skip, take).await,
        }
    }
}

/// Replies of those cluster servers that answer; `error` if none does.
async fn ask_parts(cluster: &ClusterConnection, command: &Cmd, error: RedisError) -> RedisResult<Vec<Value>> {
    let ask = |part: u16| {
        let (mut cluster, command) = (cluster.clone(), command.clone());
        async move {
            let route = Route::new(part * (SLOTS / PARTS), SlotAddr::Master);
            let server = RoutingInfo::SingleNode(SingleNodeRoutingInfo::SpecificNode(route));
            cluster.route_command(command, server).await
        }
    };
    let answers = join_all((0..PARTS).map(ask)).await;
    let answers: Vec<Value> = answers
        .into_iter()
        .filter_map(|answer| answer.and_then(Value::extract_error).ok())
        .collect();
    if answers.is_empty() {
        Err(error)
    } else {
        Ok(answers)
    }
}

/// Pauses between two tries of what moves, the first and the longest, and how long it is tried: other parts of the same batch wait
/// for it.
const MOVE_PAUSE: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(40));
const MOVE_PATIENCE: Duration = Duration::from_millis(200);
/// Slots of a cluster (the Redis cluster specification, "Key distribution model").
const SLOTS: u16 = 16_384;
/// Number of slots that are asked if some servers do not answer.
/// Of more servers than this, some are not seen.
const PARTS: u16 = 16;

fn missing() -> StoreError {
    StoreError::Unavailable("a reply of another form than the command has".to_owned())
}
