//! DNS resolver with the system's name servers and hosts file.
//! The gateway resolves names itself, so that the checked address is the dialled one.

use std::net::IpAddr;
use std::sync::Arc;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ResolveHosts, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;

use super::EgressError;
use super::failure::is_exhaustion;

/// DNS resolver. Cheap to clone; clones share a cache that honours the records' time to live.
#[derive(Clone)]
pub(super) struct Resolver {
    inner: Arc<TokioResolver>,
}

/// Failure of a resolution, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LookUpError {
    /// The name has no address, according to the name servers.
    NoAddress(&'static str),
    /// The name servers could not be reached, or did not answer.
    Failed(&'static str),
    /// No file descriptor is free for the query.
    Exhausted,
}

impl Resolver {
    /// Resolver with the system's settings; without any, names come from the hosts file.
    pub(super) fn from_system() -> Result<Self, EgressError> {
        let mut builder = TokioResolver::builder_tokio().unwrap_or_else(|_| {
            TokioResolver::builder_with_config(ResolverConfig::default(), TokioRuntimeProvider::default())
        });
        let options = builder.options_mut();
        options.use_hosts_file = ResolveHosts::Always;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        let inner = builder
            .build()
            .map_err(|error| EgressError::Resolver(error.to_string()))?;
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Addresses of a name, at most eight.
    pub(super) async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, LookUpError> {
        let found = self
            .inner
            .lookup_ip(name)
            .await
            .map_err(|error| LookUpError::of(&error))?;
        let addresses: Vec<_> = found.iter().take(MOST).collect();
        if addresses.is_empty() {
            Err(LookUpError::NoAddress("the name has no address"))
        } else {
            Ok(addresses)
        }
    }
}

impl LookUpError {
    fn of(error: &NetError) -> Self {
        if error.is_nx_domain() {
            Self::NoAddress("the name does not exist")
        } else if error.is_no_records_found() {
            Self::NoAddress("the name has no address")
        } else if matches!(error, NetError::Io(error) if is_exhaustion(error)) {
            Self::Exhausted
        } else {
            Self::Failed("the name could not be looked up")
        }
    }
}

const MOST: usize = 8;
