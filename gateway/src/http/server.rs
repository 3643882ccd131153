//! The listener: accepts connections up to the limit until it is told to stop, then lets requests under way finish.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{self, Serving};
use super::{Config, Endpoint, tls};

/// A server that has its port and does not serve yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<rustls::ServerConfig>>,
    config: Config,
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has the port.
    #[error(
        "{address} is in use by another process; set server.listen (HOOKGATE_SERVER__LISTEN) to another port, or to port 0 for a free one"
    )]
    PortTaken {
        /// What was asked for.
        address: SocketAddr,
    },
    /// The port cannot be had.
    #[error("cannot listen on {address} (server.listen)")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// https cannot be served.
    #[error("cannot serve https")]
    Tls(#[from] tls::Error),
}

impl Server {
    /// Takes the port. From here on clients can connect; they are answered once it runs.
    ///
    /// # Errors
    /// A port that cannot be had, a certificate that cannot be used.
    pub async fn bind(config: Config) -> Result<Self, Error> {
        let tls = config.tls.as_ref().map(tls::load).transpose()?;
        let address = config.listen;
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| match source.kind() {
                std::io::ErrorKind::AddrInUse => Error::PortTaken { address },
                _ => Error::Listen { address, source },
            })?;
        let address = listener
            .local_addr()
            .map_err(|source| Error::Listen { address, source })?;
        Ok(Self {
            listener,
            address,
            tls,
            config,
        })
    }

    /// The address that it has, with the port that it was given.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as a URL: `http://127.0.0.1:8080`.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Serves until `shutdown`, then for as long as requests under way take, at most the drain time.
    pub async fn run<E: Endpoint>(self, endpoint: E, shutdown: CancellationToken) {
        let serving = Arc::new(Serving::new(&self.config));
        let tls = self.tls.map(TlsAcceptor::from);
        let room = Arc::new(Semaphore::new(self.config.max_connections.max(1)));
        let connections = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                accepted = accept(&self.listener, &room) => accepted,
                () = shutdown.cancelled() => break,
            };
            let (stream, place) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Mostly: out of file descriptors. Connections that end give some back.
                    tracing::warn!(error = %error, "connection.not_accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let (serving, endpoint, tls) = (serving.clone(), endpoint.clone(), tls.clone());
            let shutdown = shutdown.clone();
            connections.spawn(async move {
                greet(serving, stream, tls, endpoint, shutdown).await;
                drop(place);
            });
        }
        drop(self.listener);
        connections.close();
        connections.wait().await;
    }
}

/// The next connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = room
        .clone()
        .acquire_owned()
        .await
        .expect("the semaphore is never closed");
    let (stream, _) = listener.accept().await?;
    // Small replies must not wait for the client's acknowledgement (Nagle's algorithm, RFC 896).
    stream.set_nodelay(true)?;
    Ok((stream, place))
}

/// Shakes hands where that is needed, then serves.
async fn greet<E: Endpoint>(
    serving: Arc<Serving>,
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    endpoint: E,
    shutdown: CancellationToken,
) {
    let Some(tls) = tls else {
        return connection::serve(serving, stream, endpoint, shutdown).await;
    };
    let shaken = tokio::select! {
        shaken = tokio::time::timeout(serving.limits.head, tls.accept(stream)) => shaken,
        () = shutdown.cancelled() => return,
    };
    if let Ok(Ok(stream)) = shaken {
        connection::serve(serving, stream, endpoint, shutdown).await;
    }
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests;
