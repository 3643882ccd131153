//! Admission of endpoint URLs at registration, so that the caller learns of a refusal at once.
//!
//! Names are resolved concurrently, each once, and within one deadline for all of a request, so
//! that an unresponsive name server delays no request for long. A name that is not resolved in time
//! is admitted: every connection checks it again.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::client::Client;
use super::endpoint::Origin;
use super::{BadUrl, RefusedAddress};

/// Refusal of a URL as an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// The URL itself is invalid.
    #[error(transparent)]
    Url(#[from] BadUrl),
    /// An address of the URL's host is refused.
    #[error("the endpoint cannot be used: {0}")]
    Address(#[from] RefusedAddress),
    /// The URL leads to the gateway itself.
    #[error("it leads to this service itself, which would deliver to itself without end")]
    Own,
}

/// Addresses at which the gateway itself is reached.
#[derive(Debug, Clone, Default)]
pub struct OwnAddresses {
    /// Addresses of its listeners.
    pub listen: Vec<SocketAddr>,
    /// URL at which its users reach it.
    pub public: Option<Url>,
}

impl Client {
    /// Checks that a URL can be an endpoint at present.
    ///
    /// # Errors
    /// Problem of the URL, or of one of its addresses.
    pub async fn admit(&self, url: &Url) -> Result<(), NotAdmitted> {
        let mut verdicts = self.admit_all(&[url]).await;
        verdicts.pop().unwrap_or(Ok(()))
    }

    /// Checks several URLs at once; the results are in their order.
    pub async fn admit_all(&self, urls: &[&Url]) -> Vec<Result<(), NotAdmitted>> {
        let origins: Vec<_> = urls.iter().map(|url| self.origin(url)).collect();
        let found = self.look_up(origins.iter().flatten()).await;
        let destinations = self.inner.destinations.load_full();
        let verdict = |origin: Result<Origin, NotAdmitted>| {
            let origin = origin?;
            let Some(addresses) = origin
                .literal
                .map(|address| vec![address])
                .or_else(|| found.get(&origin.host).cloned())
            else {
                return Ok(());
            };
            let policy = &destinations.connector.policy;
            let own = |address: &IpAddr| self.inner.own.listens_at(policy.unwrapped(*address), origin.port);
            if addresses.iter().any(own) {
                return Err(NotAdmitted::Own);
            }
            let permitted = destinations.connector.permitted(&origin, addresses);
            permitted.map(drop).map_err(NotAdmitted::from)
        };
        origins.into_iter().map(verdict).collect()
    }

    /// Origin of a URL, unless the URL itself is refused.
    fn origin(&self, url: &Url) -> Result<Origin, NotAdmitted> {
        let endpoint = self.inner.destinations.load().urls.endpoint(url)?;
        if url.fragment().is_some() {
            return Err(BadUrl::Fragment.into());
        }
        if self.inner.own.is_public(&endpoint.origin, url) {
            return Err(NotAdmitted::Own);
        }
        Ok(endpoint.origin)
    }

    /// Addresses of those names that were resolved in time.
    async fn look_up<'o>(&self, origins: impl Iterator<Item = &'o Origin>) -> HashMap<Arc<str>, Vec<IpAddr>> {
        let named = origins.filter(|origin| origin.literal.is_none());
        let names: HashMap<_, _> = named
            .map(|origin| (origin.host.clone(), origin.clone()))
            .collect();
        let deadline = Instant::now() + ADMISSION;
        let destinations = self.inner.destinations.load_full();
        let connector = &destinations.connector;
        let looking = stream::iter(names).map(|(name, origin)| async move {
            let looked_up = timeout_at(deadline, connector.addresses(&origin)).await;
            Some((name, looked_up.ok()?.ok()?))
        });
        let found = looking.buffer_unordered(AT_ONCE);
        found.filter_map(|found| async { found }).collect().await
    }
}

impl OwnAddresses {
    /// Returns `true` for a URL below the public one.
    fn is_public(&self, origin: &Origin, url: &Url) -> bool {
        let Some(public) = &self.public else { return false };
        let host = public.host_str().unwrap_or_default();
        let host = host.strip_suffix('.').unwrap_or(host);
        let below = public.path().trim_end_matches('/');
        let path = url.path().strip_prefix(below);
        url.host_str()
            .is_some_and(|own| own.strip_suffix('.').unwrap_or(own) == host)
            && public.port_or_known_default() == Some(origin.port)
            && path.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Returns `true` for an address at which one of the gateway's own listeners answers.
    fn listens_at(&self, address: IpAddr, port: u16) -> bool {
        let address = address.to_canonical();
        let mut own = self.listen.iter().filter(|listen| listen.port() == port);
        own.any(|listen| {
            let own = listen.ip().to_canonical();
            // A connection to the unspecified address reaches this machine.
            own == address
                || (address.is_unspecified() && (own.is_loopback() || own.is_unspecified()))
                || (own.is_unspecified() && is_of_this_machine(address))
        })
    }
}

/// Returns `true` for an address of this machine: only such an address can be bound.
fn is_of_this_machine(address: IpAddr) -> bool {
    address.is_loopback() || UdpSocket::bind((address, 0)).is_ok()
}

/// Longest wait of a request for the resolution of all its names.
const ADMISSION: Duration = Duration::from_secs(3);
/// Maximum of a request's names resolved concurrently.
const AT_ONCE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use hookgate_runtime::clock::Clock;
    use hookgate_runtime::telemetry::Metrics;

    fn client(listen: &str, public: Option<&str>) -> Client {
        let config = Config {
            allow: ["0.0.0.0/0", "::/0"].map(|range| range.parse().unwrap()).to_vec(),
            ..Config::default()
        };
        let own = OwnAddresses {
            listen: vec![listen.parse().unwrap()],
            public: public.map(|url| url.parse().unwrap()),
        };
        Client::of_gateway(&config, Clock::System, Metrics::new(), own).unwrap()
    }

    #[tokio::test]
    async fn gateway_is_no_endpoint_of_itself() {
        let any = client("0.0.0.0:8080", Some("https://hooks.example.com/gate/"));
        let own = client("127.0.0.1:8080", None);
        let refused = Err(NotAdmitted::Own);
        for (client, url, expected) in [
            (&any, "http://127.0.0.1:8080/v1/events", &refused),
            (&any, "http://127.3.2.1:8080/v1/events", &refused),
            (&any, "http://localhost.:8080/", &refused),
            (&any, "http://0.0.0.0:8080/", &refused),
            (&any, "http://[::ffff:127.0.0.1]:8080/", &refused),
            (&any, "http://127.0.0.1:8081/", &Ok(())),
            (&any, "http://192.0.2.7:8080/", &Ok(())),
            (&any, "https://HOOKS.example.com./gate/v1/events", &refused),
            (&any, "https://hooks.example.com:443/gate", &refused),
            (&own, "http://127.0.0.1:8080/", &refused),
            (&own, "http://localhost:8080/", &refused),
            (&own, "http://0.0.0.0:8080/", &refused),
            (&own, "http://[64:ff9b::7f00:1]:8080/", &refused),
            (&own, "http://127.0.0.2:8080/", &Ok(())),
        ] {
            let url = url.parse().unwrap();
            assert_eq!(&client.admit(&url).await, expected, "{url}");
        }
        // Other hosts beside the public URL's; the test does not depend on their resolution.
        for url in [
            "https://hooks.example.com/gateway",
            "https://hooks.example.com:8443/gate",
        ] {
            let url: Url = url.parse().unwrap();
            let origin = any.inner.destinations.load().urls.endpoint(&url).unwrap().origin;
            assert!(!any.inner.own.is_public(&origin, &url), "{url}");
        }
    }

    #[tokio::test]
    async fn urls_are_judged_in_their_order() {
        let client = client("127.0.0.1:1", None);
        let urls = [
            "http://127.0.0.1:2/",
            "http://localhost:0/",
            "http://127.0.0.1:1/",
            "http://localhost:2/#x",
        ];
        let urls = urls.map(|url| url.parse::<Url>().unwrap());
        let verdicts = client.admit_all(&urls.iter().collect::<Vec<_>>()).await;
        let expected = [
            Ok(()),
            Err(NotAdmitted::Url(BadUrl::NoPort)),
            Err(NotAdmitted::Own),
            Err(NotAdmitted::Url(BadUrl::Fragment)),
        ];
        assert_eq!(verdicts, expected);
    }
}
