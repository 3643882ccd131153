//! Certificates of the listeners, which a reload of the configuration replaces.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;

use super::{Config, Error, Server, tls};

/// A listener's certificate, as connections from now on are greeted with it.
pub(super) type Current = Arc<ArcSwap<ServerConfig>>;

/// The certificates of all listeners that serve https. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Certificates(Vec<(&'static str, Current)>);

/// Certificates that were read and are not in use yet.
pub struct NewCertificates(Vec<(Current, Arc<ServerConfig>)>);

impl Certificates {
    /// Those of these servers.
    pub fn of<'s>(servers: impl Iterator<Item = &'s Server>) -> Self {
        let with_tls = servers.filter_map(|server| Some((server.key(), server.certificate()?.clone())));
        Self(with_tls.collect())
    }

    /// Reads the files that a configuration names for the listeners that have a certificate now.
    ///
    /// # Errors
    /// A file that cannot be read, or that holds no certificate or key.
    pub fn read(&self, config: &Config) -> Result<NewCertificates, Error> {
        let listeners = config.listeners();
        let mut read = Vec::new();
        for (key, current) in &self.0 {
            let listener = listeners.iter().find(|listener| listener.key == *key);
            if let Some(tls) = listener.and_then(|listener| listener.settings.tls.as_ref()) {
                read.push((Arc::clone(current), tls::load(tls)?));
            }
        }
        Ok(NewCertificates(read))
    }
}

impl NewCertificates {
    /// Greets connections with them from now on; those that are open go on.
    pub fn adopt(self) {
        for (current, new) in self.0 {
            current.store(new);
        }
    }
}
