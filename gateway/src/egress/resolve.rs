//! Names to addresses: the system's name servers and hosts file, asked by ourselves so that what was checked is what is dialled.

use std::net::IpAddr;
use std::sync::Arc;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ResolveHosts, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;

use super::EgressError;

/// Looks names up. Cheap to clone; clones share a cache that honours the records' time to live.
#[derive(Clone)]
pub(super) struct Resolver {
    inner: Arc<TokioResolver>,
}

impl Resolver {
    /// With the system's settings; where it has none, names are those of the hosts file.
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

    /// The addresses of a name, at most eight; or in words why there are none.
    pub(super) async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, &'static str> {
        let found = self.inner.lookup_ip(name).await.map_err(|error| words(&error))?;
        let addresses: Vec<_> = found.iter().take(MOST).collect();
        if addresses.is_empty() {
            Err("the name has no address")
        } else {
            Ok(addresses)
        }
    }
}

fn words(error: &NetError) -> &'static str {
    if error.is_nx_domain() {
        "the name does not exist"
    } else if error.is_no_records_found() {
        "the name has no address"
    } else {
        "the name could not be looked up"
    }
}

const MOST: usize = 8;
