//! The way to the server: sends commands and pipelines, and knows whether there is anybody to send them to.
//!
//! While the server is away every request fails at once. Nothing is sent twice here but calls of scripts that the server did
//! not know, which did nothing: whether a request that failed has happened is not known, and only the caller can say whether
//! to repeat it. `watch` brings the link up again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo};
use redis::{Cmd, FromRedisValue, Pipeline, RedisResult, Value};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::fault::{Failure, Fault};
use super::script::{Call, Dialect};
use crate::store::StoreError;

/// The way to the server. Shared by everything in this store.
pub(super) struct Link {
    wire: ArcSwap<Wire>,
    turn: AtomicUsize,
    /// How long a request may take.
    patience: Duration,
    /// Wakes `watch` when the link has gone down.
    pub(super) fell: Notify,
}

/// What requests go over.
pub(super) enum Wire {
    /// Nothing, and why.
    Down(String),
    /// Connections.
    Up(Connected),
}

/// Connections to a server or a cluster.
pub(super) struct Connected {
    /// What to send over.
    pub(super) lines: Lines,
    /// Which scripts it understands.
    pub(super) dialect: Dialect,
}

/// One server or many.
pub(super) enum Lines {
    /// Connections to one server, used in turn: one connection is one stream of replies, and a large one holds up what is
    /// behind it.
    Single(Vec<MultiplexedConnection>),
    /// A cluster; finds the right server by the key's hash tag.
    Cluster(ClusterConnection),
}

impl Link {
    /// A link that is down until `raise`.
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            wire: ArcSwap::from_pointee(Wire::Down("not connected yet".to_owned())),
            turn: AtomicUsize::new(0),
            patience,
            fell: Notify::new(),
        }
    }

    /// Sends over these connections from now on.
    pub(super) fn raise(&self, connected: Connected) {
        let before = self.wire.swap(Arc::new(Wire::Up(connected)));
        if let Wire::Down(_) = &*before {
            tracing::info!("store.connected");
        }
    }

    /// Why it is down, when it is.
    pub(super) fn down(&self) -> Option<String> {
        match &**self.wire.load() {
            Wire::Down(reason) => Some(reason.clone()),
            Wire::Up(_) => None,
        }
    }

    /// Fails every request from now on, unless other connections than `wire` are in use by now.
    fn fall(&self, wire: &Arc<Wire>, reason: &str) {
        let down = Arc::new(Wire::Down(reason.to_owned()));
        let before = self.wire.compare_and_swap(wire, down);
        if Arc::ptr_eq(&before, wire) {
            tracing::warn!(reason, "store.lost");
            self.fell.notify_one();
        }
    }

    /// Takes the link down, whatever is in use.
    pub(super) fn lower(&self, reason: &str) {
        let wire = self.wire.load_full();
        if let Wire::Up(_) = &*wire {
            self.fall(&wire, reason);
        }
    }

    /// What is in use, to look at the servers.
    pub(super) fn wire(&self) -> Arc<Wire> {
        self.wire.load_full()
    }

    /// Somebody got no answer in time: have a look.
    pub(super) fn suspect(&self) {
        self.fell.notify_one();
    }

    /// The reply to one command.
    pub(super) async fn one(&self, command: Cmd) -> Result<Value, StoreError> {
        let mut pipeline = Pipeline::with_capacity(1);
        pipeline.add_command(command);
        let mut replies = self.many(&pipeline).await?;
        replies.pop().ok_or_else(missing)
    }

    /// The replies to commands that all touch keys of one tag.
    pub(super) async fn many(&self, pipeline: &Pipeline) -> Result<Vec<Value>, StoreError> {
        let wire = self.wire.load_full();
        let replies = self.send(&wire, pipeline).await?;
        replies
            .into_iter()
            .map(|reply| Ok(self.judged(&wire, reply)?))
            .collect()
    }

    /// The replies to commands that happen together or not at all, and all touch keys of one tag.
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

    /// The reply to a call of a script.
    pub(super) async fn call(&self, call: Call<'_>) -> Result<Value, StoreError> {
        self.calls(&[call]).await.pop().unwrap_or_else(|| Err(missing()))
    }

    /// The replies to calls of scripts that all touch keys of one tag: one each, in order.
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

    /// Sends commands and waits for the replies, of which each may be an error of its own.
    async fn send(&self, wire: &Arc<Wire>, pipeline: &Pipeline) -> Result<Vec<Value>, Failure> {
        let connected = match &**wire {
            Wire::Up(connected) => connected,
            Wire::Down(reason) => return Err(Failure::away(reason)),
        };
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let failure = match timeout(self.patience, connected.lines.send(turn, pipeline)).await {
            Ok(Ok(replies)) => return Ok(replies),
            Ok(Err(error)) => Failure::from(error),
            Err(_) => Failure::away("no answer within the time allowed"),
        };
        if failure.fault == Fault::Away {
            self.fall(wire, &failure.text);
        }
        Err(failure)
    }

    fn judged(&self, wire: &Arc<Wire>, reply: Value) -> Result<Value, Failure> {
        let Value::ServerError(error) = reply else {
            return Ok(reply);
        };
        let failure = Failure::from(error);
        if failure.fault == Fault::Away {
            self.fall(wire, &failure.text);
        }
        Err(failure)
    }
}

impl Lines {
    /// What every server answers: one, or all primaries of a cluster.
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
                let answers = cluster.clone().route_command(command.clone(), primaries).await?;
                Ok(match answers {
                    Value::Map(answers) => answers.into_iter().map(|(_, answer)| answer).collect(),
                    Value::Array(answers) => answers,
                    answer => vec![answer],
                })
            }
        }
    }

    /// The reply to one command with a key.
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

fn missing() -> StoreError {
    StoreError::Corrupt("a reply of another form than the command has".to_owned())
}
