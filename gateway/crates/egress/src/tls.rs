//! TLS towards endpoints: public and the operator's certificate authorities, session resumption.

use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::EgressError;

/// TLS configuration of all connections.
///
/// # Errors
/// The file cannot be read, or has no certificates.
pub fn config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, EgressError> {
    let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if let Some(file) = ca_file {
        add_authorities(&mut roots, file)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(EgressError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    Ok(Arc::new(config))
}

fn add_authorities(roots: &mut RootCertStore, file: &Path) -> Result<(), EgressError> {
    let unreadable = |source| EgressError::CaFile {
        file: file.to_owned(),
        source,
    };
    let before = roots.len();
    for certificate in CertificateDer::pem_file_iter(file).map_err(unreadable)? {
        let added = roots.add(certificate.map_err(unreadable)?);
        added.map_err(|source| EgressError::Authority {
            file: file.to_owned(),
            source,
        })?;
    }
    if roots.len() == before {
        return Err(EgressError::NoAuthority(file.to_owned()));
    }
    Ok(())
}

/// Maximum of hosts whose sessions are cached.
const SESSIONS: usize = 1024;
