//! Connects to the servers and checks them before any other request.

use std::collections::HashMap;
use std::time::Duration;

use redis::cluster::ClusterClientBuilder;
use redis::{
    AsyncConnectionConfig, Client, IntoConnectionInfo, RedisError, RedisResult, TlsCertificates, Value,
};
use tokio::time::timeout;
use url::Url;

use super::Config;
use super::checks::{Away, Findings, Info, Settings, judge};
use super::connection::{Connected, Lines};
use super::fault::{Failure, Fault, Unfit};
use super::keys::{Keys, SHARDS};
use super::script::{Dialect, Scripts};
use crate::config::StoreUrl;

/// Layout version of the stored data.
const LAYOUT: u64 = 2;
/// Maximum number of requests in one connection's queue.
const QUEUE: usize = 1024;
/// Number of bytes that a connection collects before it writes.
const WRITE_AT: usize = 256 * 1024;

/// Address and settings of connecting, fixed while the store is open.
pub(super) struct Dialer {
    pub(super) url: StoreUrl,
    pub(super) config: Config,
    /// Certificates of the trusted authorities, in PEM.
    pub(super) tls_ca: Option<Vec<u8>>,
}

/// Reason why a server cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    /// The server does not answer, or cannot be used now.
    #[error("{0}")]
    Away(String),
    /// The server is still loading its file.
    #[error("it is still loading its data")]
    Loading,
    /// The server answers with a refusal.
    #[error("{0} ({1})")]
    Unfit(Unfit, String),
    /// The server answers, and must not be used in its state.
    #[error("{0}")]
    Refused(String),
}

impl Dialer {
    /// Connects and checks the server.
    pub(super) async fn dial(
        &self,
        keys: &Keys,
        scripts: &Scripts,
    ) -> Result<(Connected, Findings), DialError> {
        let limit = self.config.connect_timeout.get();
        let lines = within(limit, self.connect()).await?;
        let (findings, dialect) = within(limit, inspect(&lines, self.config.full_at)).await?;
        match &findings.away {
            Some(Away::Loading) => return Err(DialError::Loading),
            Some(Away::Replica) => return Err(DialError::Away(Away::Replica.to_string())),
            None => {}
        }
        let connected = Connected { lines, dialect };
        within(limit, check_layout(&connected, keys)).await??;
        load_scripts(&connected, scripts).await;
        Ok((connected, findings))
    }

    async fn connect(&self) -> RedisResult<Lines> {
        match &self.url {
            StoreUrl::Redis(url) => self.connect_server(url).await,
            StoreUrl::Cluster(urls) => self.connect_cluster(urls).await,
            StoreUrl::Embedded(_) => Ok(Lines::Single(Vec::new())),
        }
    }

    async fn connect_server(&self, url: &Url) -> RedisResult<Lines> {
        let info = url.clone().into_connection_info()?;
        let client = match self.trust() {
            Some(trust) if url.scheme() == "rediss" => Client::build_with_tls(info, trust)?,
            Some(_) | None => Client::open(info)?,
        };
        let how = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.config.connect_timeout.get()))
            .set_response_timeout(None)
            .set_pipeline_buffer_size(QUEUE)
            .set_write_backpressure_boundary(WRITE_AT);
        let mut lines = Vec::with_capacity(self.config.connections);
        for _ in 0..self.config.connections {
            lines.push(client.get_multiplexed_async_connection_with_config(&how).await?);
        }
        Ok(Lines::Single(lines))
    }

    /// Connects without retries: the library would repeat requests with an unknown outcome.
    async fn connect_cluster(&self, urls: &[Url]) -> RedisResult<Lines> {
        let mut builder = ClusterClientBuilder::new(urls.iter().cloned())
            .retries(0)
            .connection_timeout(self.config.connect_timeout.get())
            .response_timeout(self.config.response_timeout.get())
            .write_backpressure_boundary(WRITE_AT);
        if let Some(trust) = self.trust() {
            builder = builder.certs(trust);
        }
        Ok(Lines::Cluster(builder.build()?.get_async_connection().await?))
    }

    fn trust(&self) -> Option<TlsCertificates> {
        self.tls_ca.as_ref().map(|root| TlsCertificates {
            client_tls: None,
            root_cert: Some(root.clone()),
        })
    }
}

/// Findings of all servers together, and their common script dialect.
pub(super) async fn inspect(lines: &Lines, full_at: u8) -> RedisResult<(Findings, Dialect)> {
    let accounts = lines.ask(&redis::cmd("INFO")).await?;
    let settings = read_settings(lines).await;
    let mut all = Findings::default();
    let mut dialect = Dialect::Flags;
    for (n, account) in accounts.into_iter().enumerate() {
        let text: String = redis::from_redis_value(account)?;
        let info = Info::read(&text);
        if info.dialect() == Dialect::Plain {
            dialect = Dialect::Plain;
        }
        let unknown = Settings::default();
        all.add(judge(&info, settings.get(n).unwrap_or(&unknown), full_at));
    }
    Ok((all, dialect))
}

/// Settings that the servers permit to read, in the order of the servers.
async fn read_settings(lines: &Lines) -> Vec<Settings> {
    let mut get = redis::cmd("CONFIG");
    get.arg("GET").arg("*appendfsync*");
    let answers = lines.ask(&get).await.unwrap_or_default();
    answers
        .into_iter()
        .map(|answer| {
            let pairs: HashMap<String, String> = redis::from_redis_value(answer).unwrap_or_default();
            Settings {
                appendfsync: pairs.get("appendfsync").cloned(),
                no_appendfsync_on_rewrite: pairs.get("no-appendfsync-on-rewrite").cloned(),
            }
        })
        .collect()
}

/// Checks the layout version, and writes it to a new store.
/// It reads first, because a full server refuses writes.
async fn check_layout(connected: &Connected, keys: &Keys) -> RedisResult<Result<(), DialError>> {
    let wanted = [("layout", LAYOUT), ("shards", u64::from(SHARDS))];
    for (name, wanted) in wanted {
        let mut get = redis::cmd("HGET");
        get.arg(keys.meta()).arg(name);
        let mut is: Option<u64> = connected.lines.one(&get).await?;
        if is.is_none() {
            let mut set = redis::cmd("HSETNX");
            set.arg(keys.meta()).arg(name).arg(wanted);
            let _: Value = connected.lines.one(&set).await?;
            is = connected.lines.one(&get).await?;
        }
        if is != Some(wanted) {
            return Ok(Err(DialError::Refused(format!(
                "what it holds was written by another version of hookgate: {name} is {}, not {wanted}",
                is.unwrap_or_default()
            ))));
        }
    }
    Ok(Ok(()))
}

/// Loads the scripts into the servers. Without it only the first calls are sent twice.
async fn load_scripts(connected: &Connected, scripts: &Scripts) {
    for load in scripts.loads(connected.dialect) {
        if let Err(error) = connected.lines.ask(&load).await {
            tracing::debug!(%error, "store.script_not_loaded");
        }
    }
}

fn refused_or_away(error: RedisError) -> DialError {
    let failure = Failure::from(error);
    match failure.fault {
        Fault::Unfit(unfit) => DialError::Unfit(unfit, failure.text),
        _ => DialError::Away(failure.text),
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = RedisResult<T>>) -> Result<T, DialError> {
    match timeout(limit, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(refused_or_away(error)),
        Err(_) => Err(DialError::Away("no answer within the time allowed".to_owned())),
    }
}
