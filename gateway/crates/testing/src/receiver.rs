//! Test receiver: a real server on its own port that follows a script and records its requests.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use url::Url;

/// A running receiver; it ends with its runtime.
pub struct Receiver {
    pub url: Url,
    /// PEM of the certificate authority of its certificate.
    pub authority: Option<tempfile::NamedTempFile>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    requests: Mutex<Vec<Got>>,
    connections: AtomicUsize,
}

/// A received request.
#[derive(Debug, Clone)]
pub struct Got {
    pub head: String,
    pub body: Vec<u8>,
}

/// Reaction to a request.
pub enum Reaction {
    /// Answers with this status line and headers and an empty body, and keeps the connection open.
    Say(&'static str),
    /// Sends these bytes as they are, and keeps the connection open.
    Keep(&'static str),
    /// Sends these bytes, then closes the connection.
    Last(&'static str),
    /// Sends these bytes, then the others repeatedly.
    Endless(&'static str, &'static str),
    /// Sends these bytes, then resets the connection (RST).
    Cut(&'static str),
    /// Never answers.
    Hang,
    /// Sends a head that announces a body, then one byte at intervals.
    Drip,
    /// Sends a gigabyte.
    Flood,
    /// Resets the connection (RST).
    Reset,
    /// Answers 200 once the watched value is `true`.
    When(tokio::sync::watch::Receiver<bool>),
}

type React = dyn Fn(usize) -> Reaction + Send + Sync;

impl Receiver {
    /// Starts a plain HTTP server. `react` is called with the number of requests received before.
    pub async fn start(react: impl Fn(usize) -> Reaction + Send + Sync + 'static) -> Self {
        Self::listen(Arc::new(react), None).await
    }

    /// Starts a TLS server with a certificate for `localhost` from its own authority.
    pub async fn start_tls(react: impl Fn(usize) -> Reaction + Send + Sync + 'static) -> Self {
        Self::listen(
            Arc::new(react),
            Some(rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap()),
        )
        .await
    }

    async fn listen(react: Arc<React>, certified: Option<rcgen::CertifiedKey<rcgen::KeyPair>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = match certified {
            Some(_) => format!("https://localhost:{port}/hook"),
            None => format!("http://127.0.0.1:{port}/hook"),
        };
        let authority = certified.as_ref().map(|certified| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(certified.cert.pem().as_bytes()).unwrap();
            file
        });
        let tls = certified.as_ref().map(acceptor);
        let state = Arc::new(State::default());
        tokio::spawn(accept(listener, tls, react, state.clone()));
        Self {
            url: url.parse().unwrap(),
            authority,
            state,
        }
    }

    /// Waits until this many requests have been received.
    pub async fn wait_for(&self, requests: usize) {
        for _ in 0..3000 {
            if self.requests().len() >= requests {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{} of {requests} requests came", self.requests().len());
    }

    pub fn requests(&self) -> Vec<Got> {
        self.state.requests.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// The file with the authority of its certificate.
    pub fn ca_file(&self) -> Option<PathBuf> {
        self.authority.as_ref().map(|file| file.path().to_owned())
    }
}

impl Got {
    /// A header's value by its lower-case name.
    pub fn header(&self, name: &str) -> Option<String> {
        self.head.lines().skip(1).find_map(|line| {
            let (own, value) = line.split_once(": ")?;
            own.eq_ignore_ascii_case(name).then(|| value.to_owned())
        })
    }
}

fn acceptor(certified: &rcgen::CertifiedKey<rcgen::KeyPair>) -> TlsAcceptor {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, react: Arc<React>, state: Arc<State>) {
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        tcp.set_zero_linger().unwrap();
        state.connections.fetch_add(1, Ordering::SeqCst);
        let (tls, react, state) = (tls.clone(), react.clone(), state.clone());
        tokio::spawn(async move {
            match tls {
                Some(tls) => {
                    if let Ok(stream) = tls.accept(tcp).await {
                        serve(stream, &*react, &state).await;
                    }
                }
                None => serve::<TcpStream>(tcp, &*react, &state).await,
            }
        });
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, react: &React, state: &State) {
    while let Some(got) = read_request(&mut stream).await {
        let before = {
            let mut requests = state.requests.lock().unwrap();
            requests.push(got);
            requests.len() - 1
        };
        let kept = match react(before) {
            Reaction::Say(head) => {
                let answer = format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.is_ok()
            }
            Reaction::Last(answer) => {
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
                // Wait until the peer has closed too: a reset would overtake the answer.
                let _ = stream.read(&mut [0]).await;
                false
            }
            Reaction::Keep(answer) => stream.write_all(answer.as_bytes()).await.is_ok(),
            Reaction::Endless(begin, again) => {
                let _ = stream.write_all(begin.as_bytes()).await;
                let mut going = true;
                while going {
                    going = stream.write_all(again.as_bytes()).await.is_ok();
                }
                false
            }
            Reaction::Cut(answer) => {
                let _ = stream.write_all(answer.as_bytes()).await;
                false
            }
            Reaction::Hang => {
                let _ = stream.read(&mut [0]).await;
                false
            }
            Reaction::Drip => {
                let mut going = stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
                    .await
                    .is_ok();
                while going {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    going = stream.write_all(b".").await.is_ok();
                }
                false
            }
            Reaction::Flood => {
                let _ = stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n")
                    .await;
                let chunk = vec![b'x'; 1 << 16];
                while stream.write_all(&chunk).await.is_ok() {}
                false
            }
            Reaction::Reset => false,
            Reaction::When(mut released) => {
                released.wait_for(|released| *released).await.unwrap();
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                    .await
                    .is_ok()
            }
        };
        if !kept {
            return;
        }
    }
}

async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Got> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let mut got = Got {
                head,
                body: bytes[end + 4..].to_vec(),
            };
            let length: usize = got.header("content-length").unwrap().parse().unwrap();
            while got.body.len() < length {
                if stream.read_buf(&mut got.body).await.ok()? == 0 {
                    return None;
                }
            }
            return Some(got);
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
