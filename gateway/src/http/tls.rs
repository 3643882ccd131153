//! TLS configuration of the server: certificate and key.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::Tls;

/// Error of the TLS configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The certificate cannot be read.
    #[error("cannot read certificates from {path} (server.tls.cert)")]
    Certificate {
        /// Path of the file.
        path: String,
        /// Cause.
        source: rustls::pki_types::pem::Error,
    },
    /// The file has no certificate.
    #[error("{path} (server.tls.cert) has no certificate in PEM form in it")]
    NoCertificate {
        /// Path of the file.
        path: String,
    },
    /// The key cannot be read.
    #[error("cannot read a private key from {path} (server.tls.key)")]
    Key {
        /// Path of the file.
        path: String,
        /// Cause.
        source: rustls::pki_types::pem::Error,
    },
    /// The certificate and the key do not match.
    #[error("the certificate and the key of server.tls cannot be used together")]
    Pair(#[source] rustls::Error),
}

/// Loads the TLS configuration.
pub(super) fn load(tls: &Tls) -> Result<Arc<ServerConfig>, Error> {
    let path = tls.cert.display().to_string();
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&tls.cert)
        .and_then(Iterator::collect)
        .map_err(|source| Error::Certificate {
            path: path.clone(),
            source,
        })?;
    if certificates.is_empty() {
        return Err(Error::NoCertificate { path });
    }
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|source| Error::Key {
        path: tls.key.display().to_string(),
        source,
    })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::Pair)?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(Error::Pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
