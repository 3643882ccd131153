//! New connections: resolve, check, dial the checked address, check the peer, start TLS.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::connection::{Connection, Stream, Transport};
use super::endpoint::Origin;
use super::failure::{Failure, is_exhaustion, words};
use super::intake::{Intake, Wire};
use super::resolve::{LookUpError, Resolver};
use super::{AddressPolicy, RefusedAddress};
use hookgate_domain::delivery::Stage;

/// Establishes connections. Cheap to clone.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) policy: Arc<AddressPolicy>,
    pub(super) resolver: Resolver,
    pub(super) tls: TlsConnector,
}

/// Failure to establish a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ConnectError {
    /// No address of the host may be reached.
    Blocked(RefusedAddress),
    /// A stage failed.
    Failed {
        /// Stage in progress.
        during: Stage,
        /// Kind of the failure.
        failure: Failure,
        /// Reason in words, without addresses.
        reason: String,
    },
    /// This process or machine has no free file descriptors or memory.
    Exhausted {
        /// Stage in progress.
        during: Stage,
    },
}

impl Connector {
    /// Addresses of an origin, at least one, permitted or not.
    pub(super) async fn addresses(&self, origin: &Origin) -> Result<Vec<IpAddr>, ConnectError> {
        if let Some(address) = origin.literal {
            return Ok(vec![address]);
        }
        let found = self.resolver.addresses(&origin.host).await;
        found.map_err(|error| match error {
            LookUpError::Exhausted => ConnectError::Exhausted {
                during: Stage::Resolve,
            },
            LookUpError::NoAddress(reason) => failed(Stage::Resolve, Failure::NoAddress, reason),
            LookUpError::Failed(reason) => failed(Stage::Resolve, Failure::LookUp, reason),
        })
    }

    /// Permitted addresses of an origin, at least one.
    pub(super) fn permitted(
        &self,
        origin: &Origin,
        found: Vec<IpAddr>,
    ) -> Result<Vec<IpAddr>, RefusedAddress> {
        permitted(&self.policy, found).map_err(|refused| origin.told(refused))
    }

    /// Connects before the deadline and records the current stage in `under_way`.
    pub(super) async fn connect(
        &self,
        origin: &Origin,
        deadline: Instant,
        under_way: impl Fn(Stage),
    ) -> Result<Connection, ConnectError> {
        under_way(Stage::Resolve);
        let found = self.addresses(origin).await?;
        let addresses = self.permitted(origin, found).map_err(ConnectError::Blocked)?;
        under_way(Stage::Connect);
        let tcp = self.dial(origin, &addresses, deadline).await?;
        let intake = Intake::new();
        let wire = Wire::new(tcp, intake.clone());
        let transport = if origin.tls {
            under_way(Stage::Tls);
            Transport::Tls(Box::new(self.encrypt(origin, wire).await?))
        } else {
            Transport::Plain(wire)
        };
        Connection::open(Stream::new(transport, intake))
            .await
            .map_err(|_| failed(Stage::Connect, Failure::Other, "the connection broke"))
    }

    /// Connects to the first address that answers. Each address gets an equal share of the
    /// remaining time.
    async fn dial(
        &self,
        origin: &Origin,
        addresses: &[IpAddr],
        deadline: Instant,
    ) -> Result<TcpStream, ConnectError> {
        let mut last = failed(Stage::Connect, Failure::Other, "the host has no address");
        for (tried, &address) in addresses.iter().enumerate() {
            let left = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
            let share = deadline.duration_since(Instant::now()) / left;
            match self.dial_one(origin, address, share).await {
                Ok(stream) => return Ok(stream),
                // The next address would fail in the same way.
                Err(exhausted @ ConnectError::Exhausted { .. }) => return Err(exhausted),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn dial_one(
        &self,
        origin: &Origin,
        address: IpAddr,
        share: Duration,
    ) -> Result<TcpStream, ConnectError> {
        let broken = |error: std::io::Error| {
            if is_exhaustion(&error) {
                return ConnectError::Exhausted {
                    during: Stage::Connect,
                };
            }
            failed(Stage::Connect, Failure::of(&error), words(&error))
        };
        let address = SocketAddr::new(address, origin.port);
        let stream = match timeout(share, TcpStream::connect(address)).await {
            Ok(connected) => connected.map_err(broken)?,
            Err(_) => {
                return Err(failed(
                    Stage::Connect,
                    Failure::Timeout,
                    "the host does not answer",
                ));
            }
        };
        let peer = stream.peer_addr().map_err(broken)?;
        let checked = self.policy.check(peer.ip());
        checked.map_err(|refused| ConnectError::Blocked(origin.told(refused)))?;
        // Requests are written as a whole; Nagle's algorithm would only delay them.
        stream.set_nodelay(true).map_err(broken)?;
        Ok(stream)
    }

    async fn encrypt(&self, origin: &Origin, wire: Wire) -> Result<TlsStream<Wire>, ConnectError> {
        let name = match origin.literal {
            Some(address) => ServerName::from(address),
            None => ServerName::try_from(origin.host.to_string()).map_err(|_| {
                let reason = "the host's name cannot be in a certificate";
                failed(Stage::Tls, Failure::Certificate, reason)
            })?,
        };
        let handshake = self.tls.connect(name, wire).await;
        handshake.map_err(|error| {
            let tls = error
                .get_ref()
                .and_then(|inner| inner.downcast_ref::<rustls::Error>());
            match tls {
                Some(tls @ rustls::Error::InvalidCertificate(_)) => {
                    failed(Stage::Tls, Failure::Certificate, &tls.to_string())
                }
                Some(tls) => failed(Stage::Tls, Failure::Handshake, &tls.to_string()),
                None => failed(Stage::Tls, Failure::of(&error), words(&error)),
            }
        })
    }
}

/// Permitted ones of some addresses; if there are none, the refusal of the first.
/// A name with public and private addresses is reached at its public ones.
fn permitted(policy: &AddressPolicy, found: Vec<IpAddr>) -> Result<Vec<IpAddr>, RefusedAddress> {
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
        Some(why) if passed.is_empty() => Err(why),
        _ => Ok(passed),
    }
}

fn failed(during: Stage, failure: Failure, reason: &str) -> ConnectError {
    let mut end = reason.len().min(LONGEST_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    ConnectError::Failed {
        during,
        failure,
        reason: reason[..end].to_owned(),
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
        assert!(matches!(private, Err(refused) if refused.kind == "a private address"));
    }
}
