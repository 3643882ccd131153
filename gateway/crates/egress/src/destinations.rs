//! Destinations that the configuration permits, and how they are connected to. A reload of the configuration replaces them.

use std::sync::Arc;

use tokio_rustls::TlsConnector;

use super::connect::Connector;
use super::resolve::Resolver;
use super::{AddressPolicy, Client, Config, EgressError, UrlPolicy, tls};

/// URLs and addresses that may be reached, name servers, and certificate authorities.
pub struct Destinations {
    pub(super) urls: UrlPolicy,
    pub(super) connector: Connector,
}

impl Destinations {
    /// Destinations of a configuration. Reads its file of authorities and the system's name servers.
    ///
    /// # Errors
    /// A file of authorities that cannot be used, a prefix that is none.
    pub fn of(config: &Config) -> Result<Self, EgressError> {
        let policy = AddressPolicy::new(config.allow.clone()).translated_by(config.nat64.clone())?;
        Ok(Self {
            urls: UrlPolicy {
                https_only: config.https_only,
                ports: config.ports.clone(),
            },
            connector: Connector {
                policy: Arc::new(policy),
                resolver: Resolver::from_system()?,
                tls: TlsConnector::from(tls::config(config.ca_file.as_deref())?),
            },
        })
    }
}

impl Client {
    /// Goes by these destinations from now on. Requests under way end as they began; connections that wait are closed, because
    /// their endpoints may no longer be permitted.
    pub fn adopt(&self, destinations: Destinations) {
        self.inner.destinations.store(Arc::new(destinations));
        self.inner.pool.clear();
    }
}
