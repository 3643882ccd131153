//! Listener: accepts connections up to the limit, and drains requests in progress at the shutdown.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::certificates::Current;
use super::connection::{self, Serving};
use super::connection_table::{ConnectionTable, Place, Refused};
use super::slow_client::Pace;
use super::{Config, Endpoint, Listener, refusal_log::RefusalLog, tls};
use hookgate_runtime::telemetry::{ConnectionFailure, Metrics};

/// Server that is bound to its port and does not serve yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Current>,
    config: Config,
    /// The setting that holds its address.
    key: &'static str,
}

/// Error of the start of a server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has the port.
    #[error(
        "{address} is in use by another process; set {key} ({}) to another port, or to port 0 for a free one",
        variable(key)
    )]
    PortTaken {
        /// Configured address.
        address: SocketAddr,
        /// Setting of the address.
        key: &'static str,
    },
    /// The port cannot be bound.
    #[error("cannot listen on {address} ({key})")]
    Listen {
        /// Configured address.
        address: SocketAddr,
        /// Setting of the address.
        key: &'static str,
        /// Cause.
        source: std::io::Error,
    },
    /// https cannot be served.
    #[error("cannot serve https")]
    Tls(#[from] tls::Error),
}

impl Server {
    /// Binds the port. From here on clients can connect; they are answered once `run` is called.
    ///
    /// # Errors
    /// The port cannot be bound, or the certificate is unusable.
    pub async fn bind(config: Config) -> Result<Self, Error> {
        Self::bind_at(config, LISTEN).await
    }

    /// Binds the ports of all listeners except the health listener.
    /// That is the only one, or the admin listener and then the public one.
    ///
    /// # Errors
    /// As `bind`.
    pub async fn bind_all(config: &Config) -> Result<Vec<(Listener, Self)>, Error> {
        let mut servers = Vec::new();
        for one in config.listeners() {
            servers.push((one.listener, Self::bind_at(one.settings, one.key).await?));
        }
        Ok(servers)
    }

    async fn bind_at(config: Config, key: &'static str) -> Result<Self, Error> {
        let tls = config.tls.as_ref().map(tls::load).transpose()?;
        let (listener, address) = listen(config.listen, key).await?;
        Ok(Self {
            listener,
            address,
            tls: tls.map(|tls| Arc::new(ArcSwap::new(tls))),
            config,
            key,
        })
    }

    /// Binds `server.health_listen`, if configured: plain HTTP, with a few connections of its own.
    ///
    /// # Errors
    /// The port cannot be bound.
    pub async fn bind_health(config: &Config) -> Result<Option<Self>, Error> {
        let Some(wanted) = config.health_listen else {
            return Ok(None);
        };
        let (listener, address) = listen(wanted, HEALTH_LISTEN).await?;
        let config = Config {
            tls: None,
            max_connections: HEALTH_CONNECTIONS,
            max_connections_per_address: Some(HEALTH_CONNECTIONS),
            ..config.clone()
        };
        Ok(Some(Self {
            listener,
            address,
            tls: None,
            config,
            key: HEALTH_LISTEN,
        }))
    }

    /// Bound address, with the actual port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The setting that holds its address.
    pub(super) fn key(&self) -> &'static str {
        self.key
    }

    /// Its certificate, where it serves https.
    pub(super) fn certificate(&self) -> Option<&Current> {
        self.tls.as_ref()
    }

    /// The address as a URL: `http://127.0.0.1:8080`.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Serves until `shutdown`, then until requests in progress have ended, at most the drain time.
    pub async fn run<E: Endpoint>(self, endpoint: E, metrics: Metrics, shutdown: CancellationToken) {
        let table = ConnectionTable::new(self.config.max_connections, self.config.connections_per_address());
        let serving = Arc::new(Serving::new(&self.config, metrics.clone()));
        let mut log = RefusalLog::default();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = shutdown.cancelled() => break,
            };
            let (stream, client) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Usually no file descriptors are left. Connections that end release some.
                    metrics.connection_refused("descriptors");
                    log.not_accepted(&error);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let pace = Pace::new();
            let place = match table.admit(client.ip(), &pace).await {
                Ok(place) => place,
                Err(refused) => {
                    metrics.connection_refused(refused.word());
                    log.refused(refused);
                    refuse(&stream, self.tls.is_none());
                    continue;
                }
            };
            log.accepted();
            // Small replies must not wait for the client's acknowledgement (Nagle's algorithm, RFC
            // 896). Fails if the client has closed already.
            let _ = stream.set_nodelay(true);
            let tls = self
                .tls
                .as_ref()
                .map(|current| TlsAcceptor::from(current.load_full()));
            let (endpoint, shutdown) = (endpoint.clone(), shutdown.clone());
            let open = metrics.connection();
            let task = greet(
                Arc::clone(&serving),
                stream,
                (tls, endpoint),
                (pace, place),
                shutdown,
            );
            serving.tasks.spawn(async move {
                task.await;
                drop(open);
            });
        }
        drop(self.listener);
        serving.tasks.close();
        serving.tasks.wait().await;
    }
}

async fn listen(address: SocketAddr, key: &'static str) -> Result<(TcpListener, SocketAddr), Error> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| match source.kind() {
            std::io::ErrorKind::AddrInUse => Error::PortTaken { address, key },
            _ => Error::Listen { address, key, source },
        })?;
    let address = listener
        .local_addr()
        .map_err(|source| Error::Listen { address, key, source })?;
    Ok((listener, address))
}

/// Answers a refused connection with [`NO_PLACE`], as far as that does not block.
fn refuse(stream: &TcpStream, plain: bool) {
    if plain {
        let _ = stream.try_write(NO_PLACE);
    }
}

/// Performs the TLS handshake if necessary, then serves.
async fn greet<E: Endpoint>(
    serving: Arc<Serving>,
    stream: TcpStream,
    (tls, endpoint): (Option<TlsAcceptor>, E),
    (pace, place): (Arc<Pace>, Place),
    shutdown: CancellationToken,
) {
    let Some(tls) = tls else {
        return connection::serve(serving, stream, endpoint, (pace, place), shutdown).await;
    };
    let shaken = tokio::select! {
        shaken = tokio::time::timeout(serving.limits.head, tls.accept(stream)) => shaken,
        () = pace.eviction() => return serving.metrics.connection_evicted(),
        () = shutdown.cancelled() => return,
    };
    let failure = match shaken {
        Ok(Ok(stream)) => {
            return connection::serve(serving, stream, endpoint, (pace, place), shutdown).await;
        }
        Ok(Err(error)) => {
            tracing::debug!(reason = "tls", error = %error, "connection.failed");
            ConnectionFailure::Tls
        }
        Err(_) => ConnectionFailure::HeadTimeout,
    };
    serving.metrics.connection_failed(failure);
}

impl Refused {
    /// Value of the metric's label.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Address => "address",
        }
    }
}

/// Name of a setting in the environment.
fn variable(key: &str) -> String {
    format!("HOOKGATE_{}", key.to_uppercase().replace('.', "__"))
}

const LISTEN: &str = "server.listen";
const HEALTH_LISTEN: &str = "server.health_listen";
/// Maximum of connections of the health listener.
const HEALTH_CONNECTIONS: usize = 64;
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Response to a refused connection: 503, without a body to parse.
const NO_PLACE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

#[cfg(test)]
mod tests;
