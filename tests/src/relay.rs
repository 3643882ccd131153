//! Relay between the gateway and a consumer's server: terminates TLS if configured, forwards every
//! byte, records the requests.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::{Authority, eventually};

/// A running relay, ended on drop.
#[derive(Debug)]
pub struct Relay {
    base: String,
    to: Arc<Mutex<Option<SocketAddr>>>,
    messages: Arc<Mutex<Vec<Message>>>,
    task: JoinHandle<()>,
}

/// A request, byte for byte as it was sent. Changed copies of it can be sent again.
#[derive(Debug, Clone)]
pub struct Message {
    head: String,
    /// The body of the request.
    pub body: Vec<u8>,
}

impl Relay {
    /// Starts a relay. With an authority it speaks TLS to the gateway, and never to the server. It
    /// closes connections until it knows the server: a customer's secret, which the server needs,
    /// is known only after a URL was registered.
    ///
    /// # Panics
    /// If no port is available.
    pub async fn start(authority: Option<&Authority>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let scheme = if authority.is_some() { "https" } else { "http" };
        let (to, messages) = (Arc::default(), Arc::default());
        let acceptor = authority.map(Authority::acceptor);
        let task = tokio::spawn(listen(listener, Arc::clone(&to), acceptor, Arc::clone(&messages)));
        Self {
            base: format!("{scheme}://{address}"),
            to,
            messages,
            task,
        }
    }

    /// Forwards to this server from now on.
    pub fn lead_to(&self, server: SocketAddr) {
        *self.to.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
    }

    /// The URL of a path behind the relay.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The requests so far.
    pub fn messages(&self) -> Vec<Message> {
        self.messages
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits until at least this many requests have been received.
    pub async fn wait_for(&self, count: usize) -> Vec<Message> {
        eventually(&format!("{count} requests at the relay"), async || {
            let came = self.messages.lock().unwrap_or_else(PoisonError::into_inner).len();
            (came >= count).then(|| self.messages())
        })
        .await
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Message {
    /// The headers, names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (String, &str)> {
        let lines = self.head.lines().skip(1);
        lines.filter_map(|line| {
            line.split_once(": ")
                .map(|(name, value)| (name.to_ascii_lowercase(), value))
        })
    }

    /// A header by its lower-case name; empty if it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers()
            .find(|(own, _)| own == name)
            .map_or("", |(_, value)| value)
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_default()
    }

    /// The body as JSON; `null` if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The same message with another body.
    #[must_use]
    pub fn with_body(&self, body: &str) -> Self {
        let length = body.len().to_string();
        Self {
            body: body.as_bytes().to_vec(),
            ..self.with_header("content-length", &length)
        }
    }

    /// The same message with a text of its body replaced.
    ///
    /// # Panics
    /// If the body does not contain the text, because nothing would change.
    #[must_use]
    #[track_caller]
    pub fn replaced(&self, from: &str, to: &str) -> Self {
        assert!(self.text().contains(from), "{from} is not in {}", self.text());
        self.with_body(&self.text().replacen(from, to, 1))
    }

    /// The same message with another value of an existing header.
    ///
    /// # Panics
    /// If it has no such header.
    #[must_use]
    #[track_caller]
    pub fn with_header(&self, name: &str, value: &str) -> Self {
        assert_ne!(self.header(name), "", "{name} is not in {}", self.head);
        let lines = self.head.lines().map(|line| match line.split_once(": ") {
            Some((own, _)) if own.eq_ignore_ascii_case(name) => format!("{own}: {value}"),
            _ => line.to_owned(),
        });
        Self {
            head: lines.collect::<Vec<_>>().join("\r\n"),
            body: self.body.clone(),
        }
    }

    /// The same message without a header.
    #[must_use]
    pub fn without_header(&self, name: &str) -> Self {
        let other = |line: &&str| !line.to_ascii_lowercase().starts_with(&format!("{name}:"));
        Self {
            head: self.head.lines().filter(other).collect::<Vec<_>>().join("\r\n"),
            body: self.body.clone(),
        }
    }

    /// Sends the message to a server and returns the status of the answer.
    ///
    /// # Panics
    /// If there is no answer.
    pub async fn send(&self, to: SocketAddr) -> u16 {
        let mut stream = TcpStream::connect(to).await.expect("a server");
        let head = format!("{}\r\nconnection: close\r\n\r\n", self.head);
        stream.write_all(head.as_bytes()).await.expect("it reads");
        stream.write_all(&self.body).await.expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("an answer");
        let answer = String::from_utf8_lossy(&answer);
        let status = answer.split(' ').nth(1).unwrap_or_default();
        status.parse().expect("an answer begins with its status")
    }

    /// The first complete request in these bytes, and its length.
    fn first(bytes: &[u8]) -> Option<(Self, usize)> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let mut message = Self {
            head: String::from_utf8_lossy(&bytes[..end]).into_owned(),
            body: Vec::new(),
        };
        let whole = end
            + 4
            + message
                .header("content-length")
                .parse::<usize>()
                .unwrap_or_default();
        message.body = bytes.get(end + 4..whole)?.to_vec();
        Some((message, whole))
    }
}

async fn listen(
    listener: TcpListener,
    to: Arc<Mutex<Option<SocketAddr>>>,
    acceptor: Option<TlsAcceptor>,
    messages: Arc<Mutex<Vec<Message>>>,
) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let Some(to) = *to.lock().unwrap_or_else(PoisonError::into_inner) else {
            continue;
        };
        let (acceptor, messages) = (acceptor.clone(), messages.clone());
        tokio::spawn(async move {
            let Ok(server) = TcpStream::connect(to).await else {
                return;
            };
            match acceptor {
                None => pass(stream, server, &messages).await,
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        pass(stream, server, &messages).await;
                    }
                }
            }
        });
    }
}

/// Forwards until either side closes the connection.
async fn pass(client: impl AsyncRead + AsyncWrite, server: TcpStream, messages: &Mutex<Vec<Message>>) {
    let (mut from_client, mut to_client) = split(client);
    let (mut from_server, mut to_server) = server.into_split();
    let forth = async {
        let (mut chunk, mut bytes) = (vec![0; 1 << 16], Vec::new());
        while let Ok(read @ 1..) = from_client.read(&mut chunk).await {
            bytes.extend_from_slice(&chunk[..read]);
            while let Some((message, length)) = Message::first(&bytes) {
                messages
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(message);
                bytes.drain(..length);
            }
            if to_server.write_all(&chunk[..read]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = forth => {}
        _ = copy(&mut from_server, &mut to_client) => {}
    }
}
