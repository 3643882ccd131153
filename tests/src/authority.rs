//! A certificate authority for receivers over TLS.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::NamedTempFile;
use tokio_rustls::TlsAcceptor;

/// A certificate for 127.0.0.1, and the file that makes a gateway trust it.
pub struct Authority {
    file: NamedTempFile,
    key: NamedTempFile,
    acceptor: TlsAcceptor,
}

impl Authority {
    /// Creates an authority.
    ///
    /// # Panics
    /// If there is no temporary directory.
    pub fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
        let mut file = NamedTempFile::new().expect("a temporary file");
        file.write_all(made.cert.pem().as_bytes()).expect("it is written");
        let mut key_file = NamedTempFile::new().expect("a temporary file");
        let pem = made.signing_key.serialize_pem();
        key_file.write_all(pem.as_bytes()).expect("it is written");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("a certificate with its key");
        Self {
            file,
            key: key_file,
            acceptor: TlsAcceptor::from(Arc::new(config)),
        }
    }

    /// Path of its certificate, PEM.
    pub fn file(&self) -> &Path {
        self.file.path()
    }

    /// Paths of a server's certificate and its key, PEM.
    pub fn server_files(&self) -> (&Path, &Path) {
        (self.file.path(), self.key.path())
    }

    /// The setting that makes a gateway trust it.
    pub fn toml(&self) -> String {
        format!("egress.ca_file = {:?}", self.file())
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
