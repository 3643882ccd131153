//! What can be set about the server.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Listener;
use crate::domain::units::{Size, Span};

/// The server: where it listens and what it allows a client.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port to listen on; port 0 takes a free one. Serves everything; with `server.public` or `server.admin` what the
    /// other of them does not, and with both of them it is not opened.
    pub listen: SocketAddr,
    /// A listener for products' customers: the routes of products and what `also` names. Without it: `listen`.
    pub public: Option<Public>,
    /// A listener for everything else: the API, docs, metrics, health. Without it: `listen`.
    pub admin: Option<Admin>,
    /// The URL at which the gateway's users reach it, such as `https://hooks.example.com`. A subscription whose URL is below it is refused:
    /// the gateway would deliver to itself.
    #[schemars(with = "Option<String>")]
    pub public_url: Option<url::Url>,
    /// Serve https with this certificate. Without it: http.
    pub tls: Option<Tls>,
    /// A second address and port, for `/healthz`, `/readyz` and `/metrics` alone, over plain HTTP: what watches the gateway gets
    /// an answer whatever its clients do. Without it: only the first.
    pub health_listen: Option<SocketAddr>,
    /// Connections at once. Over it a new connection ends one that has sent nothing or waits for its next request; where all are
    /// in the middle of a request, the new one is refused (503). Lowered at the start where the process may have too few file
    /// descriptors; see operating.md.
    pub max_connections: usize,
    /// Connections at once from one address (of IPv6: from one network of 64 bits); further ones are refused (503). Without it:
    /// half of `max_connections`. Behind one proxy or load balancer all connections come from its address.
    pub max_connections_per_address: Option<usize>,
    /// How long a client may take to send a request's head, and to shake hands over TLS.
    pub header_timeout: Span,
    /// How long a client may take to send a request's body, and to take any part of a reply.
    pub body_timeout: Span,
    /// How long a connection is kept without a request.
    pub idle_timeout: Span,
    /// The largest head of a request, 8KiB or more.
    pub max_header_bytes: Size,
    /// How long connections that clients keep are still answered after the gateway was told to stop, each with
    /// `Connection: close`; then those without a request are closed. New ones are refused at once.
    pub grace: Span,
    /// How long requests under way may go on after that.
    pub drain_time: Span,
}

/// The listener for products' customers. What is not served there is answered as if it did not exist.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Public {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Its certificate, in place of `server.tls`.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// Its connections at once, in place of `server.max_connections`.
    #[serde(default)]
    pub max_connections: Option<usize>,
    /// Of those from one address, in place of `server.max_connections_per_address`.
    #[serde(default)]
    pub max_connections_per_address: Option<usize>,
    /// What is served there beside the routes of products: `publish` (`POST /v1/events`), `feed` (`GET /v1/events`), `health`
    /// (`/healthz` and `/readyz`, which tell no more than the status there).
    #[serde(default)]
    pub also: Vec<Also>,
}

/// The listener for everything but products' customers.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Its certificate, in place of `server.tls`.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// Its connections at once, in place of `server.max_connections`.
    #[serde(default)]
    pub max_connections: Option<usize>,
    /// Of those from one address, in place of `server.max_connections_per_address`.
    #[serde(default)]
    pub max_connections_per_address: Option<usize>,
}

/// A part of the API that the public listener can serve too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Also {
    /// `POST /v1/events`.
    Publish,
    /// `GET /v1/events`.
    Feed,
    /// `GET /healthz` and `GET /readyz`.
    Health,
}

/// A certificate and its key.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// A PEM file with the certificate, and after it the certificates between it and the root.
    pub cert: PathBuf,
    /// A PEM file with the certificate's private key.
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
    /// What the public listener serves beside the routes of products.
    pub fn also(&self) -> &[Also] {
        self.public.as_ref().map_or(&[], |public| &public.also)
    }

    /// Connections that all listeners may have, but for the health listener.
    pub fn connections(&self) -> usize {
        let listeners = self.listeners();
        listeners
            .iter()
            .map(|one| one.settings.max_connections)
            .fold(0, usize::saturating_add)
    }

    /// The same server with at most so many connections, shared out as they were wished for.
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

    /// The listeners, the one with the API first.
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

    /// Connections that one address may have.
    pub(super) fn connections_per_address(&self) -> usize {
        self.max_connections_per_address
            .unwrap_or(self.max_connections / 2)
            .max(1)
    }
}

/// A listener's own settings.
#[derive(Debug, Clone)]
pub(super) struct ListenerConfig {
    pub listener: Listener,
    /// The setting that holds its address.
    pub key: &'static str,
    pub settings: Config,
}
