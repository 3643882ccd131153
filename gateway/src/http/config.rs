//! Configuration of the HTTP server.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Listener;
use hookgate_domain::units::{Size, Span};

/// HTTP server: its listeners and the limits of clients.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port to listen on; port 0 takes a free one.
    /// It serves everything; with only one of `server.public` and `server.admin`, what that one
    /// does not serve; with both, it is not opened.
    pub listen: SocketAddr,
    /// Listener for products' customers: the routes of products and those that `also` names.
    /// Without it, `listen` serves them.
    pub public: Option<Public>,
    /// Listener for everything else: the API, docs, metrics, health. Without it, `listen` serves
    /// them.
    pub admin: Option<Admin>,
    /// URL at which the gateway's users reach it, such as `https://hooks.example.com`.
    /// A subscription whose URL is below it is refused: the gateway would deliver to itself.
    #[schemars(with = "Option<String>")]
    pub public_url: Option<url::Url>,
    /// Certificate for https. Without it: http.
    pub tls: Option<Tls>,
    /// Second address and port, only for `/healthz`, `/readyz` and `/metrics`, over plain HTTP.
    /// Monitoring gets a response there regardless of clients' load. Without it: only the first.
    pub health_listen: Option<SocketAddr>,
    /// Maximum of concurrent connections.
    /// At the limit, a new connection evicts one that has sent nothing or waits for its next
    /// request; if all are in the middle of a request, the new one is refused (503). Lowered at the
    /// start if the process may have too few file descriptors; see operating.md.
    pub max_connections: usize,
    /// Maximum of concurrent connections from one address (for IPv6: from one /64 network).
    /// Further ones are refused (503). Without it: half of `max_connections`. Behind one proxy or
    /// load balancer all connections come from its address.
    pub max_connections_per_address: Option<usize>,
    /// Timeout of a request's head, and of the TLS handshake.
    pub header_timeout: Span,
    /// Timeout of a request's body, and of a client that accepts no part of a reply.
    pub body_timeout: Span,
    /// Time after which a connection without a request is closed.
    pub idle_timeout: Span,
    /// Largest head of a request, 8KiB or more.
    pub max_header_bytes: Size,
    /// Time from the start of a shutdown in which open connections are still answered, each with
    /// `Connection: close`; then those without a request are closed. New ones are refused at once.
    pub grace: Span,
    /// Maximum time for requests in progress to finish after that.
    pub drain_time: Span,
}

/// Listener for products' customers. Other routes answer there as if they did not exist.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Public {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Its certificate, in place of `server.tls`.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// Its maximum of concurrent connections, in place of `server.max_connections`.
    #[serde(default)]
    pub max_connections: Option<usize>,
    /// Its maximum from one address, in place of `server.max_connections_per_address`.
    #[serde(default)]
    pub max_connections_per_address: Option<usize>,
    /// Routes served there beside those of products: `publish`, `feed`, `health`, `portal`.
    /// `publish` is `POST /v1/events`, `feed` is `GET /v1/events`, `health` is `/healthz` and
    /// `/readyz`, which report only the status there, `portal` is the tenant portal with the routes
    /// that portal sessions use.
    #[serde(default)]
    pub also: Vec<Also>,
}

/// Listener for everything but products' customers.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Its certificate, in place of `server.tls`.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// Its maximum of concurrent connections, in place of `server.max_connections`.
    #[serde(default)]
    pub max_connections: Option<usize>,
    /// Its maximum from one address, in place of `server.max_connections_per_address`.
    #[serde(default)]
    pub max_connections_per_address: Option<usize>,
}

/// Part of the API that the public listener can also serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Also {
    /// `POST /v1/events`.
    Publish,
    /// `GET /v1/events`.
    Feed,
    /// `GET /healthz` and `GET /readyz`.
    Health,
    /// The tenant portal, and the API for its sessions.
    Portal,
}

/// Certificate and private key.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM file with the certificate, followed by the intermediate certificates up to the root.
    pub cert: PathBuf,
    /// PEM file with the certificate's private key.
    pub key: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            public: None,
            admin: None,
            public_url: None,
            tls: None,
            health_listen: None,
            max_connections: 10_000,
            max_connections_per_address: None,
            header_timeout: Span::from_secs(10),
            body_timeout: Span::from_secs(30),
            idle_timeout: Span::from_secs(75),
            max_header_bytes: Size::from_bytes(16 * 1024),
            grace: Span::from_secs(1),
            drain_time: Span::from_secs(20),
        }
    }
}

impl Config {
    /// Routes that the public listener serves beside those of products.
    pub fn also(&self) -> &[Also] {
        self.public.as_ref().map_or(&[], |public| &public.also)
    }

    /// Addresses of all listeners, each with its key.
    pub fn addresses(&self) -> Vec<(&'static str, SocketAddr)> {
        let both = self.public.is_some() && self.admin.is_some();
        let addresses = [
            ("server.listen", Some(self.listen).filter(|_| !both)),
            (
                "server.admin.listen",
                self.admin.as_ref().map(|admin| admin.listen),
            ),
            (
                "server.public.listen",
                self.public.as_ref().map(|public| public.listen),
            ),
            ("server.health_listen", self.health_listen),
        ];
        let opened = addresses.into_iter().filter_map(|(key, at)| Some((key, at?)));
        opened.collect()
    }

    /// Connections that all listeners may have, but for the health listener.
    pub fn connections(&self) -> usize {
        let listeners = self.listeners();
        listeners
            .iter()
            .map(|one| one.settings.max_connections)
            .fold(0, usize::saturating_add)
    }

    /// Same configuration with at most this many connections, divided in the configured proportion.
    #[must_use]
    pub fn with_connections(mut self, may: usize) -> Self {
        let wanted = self.connections().max(1);
        let share = |own: usize| {
            let share = own as u128 * may.min(wanted) as u128 / wanted as u128;
            usize::try_from(share).unwrap_or(usize::MAX).max(1)
        };
        for own in [
            self.public.as_mut().map(|public| &mut public.max_connections),
            self.admin.as_mut().map(|admin| &mut admin.max_connections),
        ]
        .into_iter()
        .flatten()
        {
            *own = Some(share(own.unwrap_or(self.max_connections)));
        }
        self.max_connections = share(self.max_connections);
        self
    }

    /// Listeners, the one with the API first.
    pub(super) fn listeners(&self) -> Vec<ListenerConfig> {
        let main = |listener| ListenerConfig {
            listener,
            key: "server.listen",
            settings: self.clone(),
        };
        let public = self.public.as_ref().map(|own| {
            let limits = (own.max_connections, own.max_connections_per_address);
            self.listener(
                Listener::Public,
                "server.public.listen",
                (own.listen, &own.tls, limits),
            )
        });
        let admin = self.admin.as_ref().map(|own| {
            let limits = (own.max_connections, own.max_connections_per_address);
            self.listener(
                Listener::Admin,
                "server.admin.listen",
                (own.listen, &own.tls, limits),
            )
        });
        match (admin, public) {
            (None, None) => vec![main(Listener::Shared)],
            (admin, public) => vec![
                admin.unwrap_or_else(|| main(Listener::Admin)),
                public.unwrap_or_else(|| main(Listener::Public)),
            ],
        }
    }

    fn listener(
        &self,
        listener: Listener,
        key: &'static str,
        (listen, tls, (connections, per_address)): (SocketAddr, &Option<Tls>, (Option<usize>, Option<usize>)),
    ) -> ListenerConfig {
        let settings = Self {
            listen,
            tls: tls.clone().or_else(|| self.tls.clone()),
            max_connections: connections.unwrap_or(self.max_connections),
            max_connections_per_address: per_address.or(self.max_connections_per_address),
            ..self.clone()
        };
        ListenerConfig {
            listener,
            key,
            settings,
        }
    }

    /// Maximum of connections from one address.
    pub(super) fn connections_per_address(&self) -> usize {
        self.max_connections_per_address
            .unwrap_or(self.max_connections / 2)
            .max(1)
    }
}

/// Settings of one listener.
#[derive(Debug, Clone)]
pub(super) struct ListenerConfig {
    pub listener: Listener,
    /// Setting that has its address.
    pub key: &'static str,
    pub settings: Config,
}
