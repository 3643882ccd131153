//! A new connection: look up, check, dial what was checked, check again, encrypt.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant, timeout};
use tokio_rustls::TlsConnector;

use super::connection::{Connection, Stream};
use super::endpoint::Origin;
use super::resolve::Resolver;
use super::{AddressPolicy, RefusedAddress};
use crate::domain::delivery::Stage;

/// Makes connections. Cheap to clone.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) policy: Arc<AddressPolicy>,
    pub(super) resolver: Resolver,
    pub(super) tls: TlsConnector,
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ConnectError {
    /// No address of the host may be reached.
    Blocked(RefusedAddress),
    /// It does not work.
    Failed {
        /// What was under way.
        during: Stage,
        /// In words, without addresses.
        reason: String,
    },
}

impl Connector {
    /// The addresses of an origin that may be dialled, at least one.
    pub(super) async fn addresses(&self, origin: &Origin) -> Result<Vec<IpAddr>, ConnectError> {
        let found = match origin.literal {
            Some(address) => vec![address],
            None => self.resolver.addresses(&origin.host).await.map_err(|reason| {
                let reason = reason.to_owned();
                ConnectError::Failed {
                    during: Stage::Resolve,
                    reason,
                }
            })?,
        };
        permitted(&self.policy, found)
    }

    /// Connects before the deadline; tells `under_way` how far it got.
    pub(super) async fn connect(
        &self,
        origin: &Origin,
        deadline: Instant,
        under_way: impl Fn(Stage),
    ) -> Result<Connection, ConnectError> {
        under_way(Stage::Resolve);
        let addresses = self.addresses(origin).await?;
        under_way(Stage::Connect);
        let tcp = self.dial(&addresses, origin.port, deadline).await?;
        let stream = if origin.tls {
            under_way(Stage::Tls);
            Stream::Tls(Box::new(self.encrypt(origin, tcp).await?))
        } else {
            Stream::Plain(tcp)
        };
        Connection::open(stream)
            .await
            .map_err(|_| failed(Stage::Connect, "the connection broke"))
    }

    /// The first address that answers. Each has an equal share of the time that is left.
    async fn dial(
        &self,
        addresses: &[IpAddr],
        port: u16,
        deadline: Instant,
    ) -> Result<TcpStream, ConnectError> {
        let mut last = failed(Stage::Connect, "the host has no address");
        for (tried, &address) in addresses.iter().enumerate() {
            let left = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
            let share = deadline.duration_since(Instant::now()) / left;
            match self.dial_one(SocketAddr::new(address, port), share).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn dial_one(&self, address: SocketAddr, share: Duration) -> Result<TcpStream, ConnectError> {
        let broken = |error: io::Error| failed(Stage::Connect, words(error.kind()));
        let stream = match timeout(share, TcpStream::connect(address)).await {
            Ok(connected) => connected.map_err(broken)?,
            Err(_) => return Err(failed(Stage::Connect, "the host does not answer")),
        };
        let peer = stream.peer_addr().map_err(broken)?;
        self.policy.check(peer.ip()).map_err(ConnectError::Blocked)?;
        // Requests are written whole; waiting for more would only delay them.
        stream.set_nodelay(true).map_err(broken)?;
        Ok(stream)
    }

    async fn encrypt(
        &self,
        origin: &Origin,
        tcp: TcpStream,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, ConnectError> {
        let name = match origin.literal {
            Some(address) => ServerName::from(address),
            None => ServerName::try_from(origin.host.to_string())
                .map_err(|_| failed(Stage::Tls, "the host's name cannot be in a certificate"))?,
        };
        let handshake = self.tls.connect(name, tcp).await;
        handshake.map_err(|error| {
            let tls = error
                .get_ref()
                .and_then(|inner| inner.downcast_ref::<rustls::Error>());
            match tls {
                Some(tls) => failed(Stage::Tls, &tls.to_string()),
                None => failed(Stage::Tls, words(error.kind())),
            }
        })
    }
}

/// Those of the addresses that pass; when none does, why the first does not. A name that leads to public and private
/// addresses is reached at its public ones.
fn permitted(policy: &AddressPolicy, found: Vec<IpAddr>) -> Result<Vec<IpAddr>, ConnectError> {
    let mut refused = None;
    let mut passed = Vec::with_capacity(found.len());
    for address in found {
        match policy.check(address) {
            Ok(()) => passed.push(address),
            Err(why) => {
                refused.get_or_insert(why);
            }
        }
    }
    match refused {
        Some(why) if passed.is_empty() => Err(ConnectError::Blocked(why)),
        _ => Ok(passed),
    }
}

fn failed(during: Stage, reason: &str) -> ConnectError {
    let mut end = reason.len().min(LONGEST_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    ConnectError::Failed {
        during,
        reason: reason[..end].to_owned(),
    }
}

/// The system's own texts hold addresses now and then.
fn words(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::ConnectionRefused => "the connection was refused",
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "the connection was reset",
        io::ErrorKind::UnexpectedEof => "the connection was closed",
        io::ErrorKind::TimedOut => "the host does not answer",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "the host cannot be reached",
        _ => "the connection failed",
    }
}

const LONGEST_REASON: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixed_answer_leads_to_its_public_part() {
        let policy = AddressPolicy::default();
        let addresses = |texts: &[&str]| {
            texts
                .iter()
                .map(|t| t.parse().expect("an address"))
                .collect::<Vec<_>>()
        };
        let mixed = permitted(&policy, addresses(&["10.0.0.1", "1.1.1.1", "::1"]));
        assert_eq!(mixed, Ok(addresses(&["1.1.1.1"])));
        let private = permitted(&policy, addresses(&["10.0.0.1", "::1"]));
        assert!(
            matches!(private, Err(ConnectError::Blocked(refused)) if refused.kind == "a private address")
        );
    }
}
