//! Small client of the gateway's API for commands: http or https, one connection per request.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::CertificateError;
use rustls::pki_types::ServerName;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use super::output::Failure;
use crate::http::TENANT_HEADER;

/// API client with a key.
#[derive(Clone)]
pub(super) struct Client {
    base: Url,
    host: String,
    port: u16,
    key: String,
    /// Tenant that the operator acts for; `None`: the key selects the tenant.
    tenant: Option<String>,
    /// TLS connector and server name, for https.
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// Response of the gateway.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    /// JSON body; null where there is none.
    pub body: Value,
}

/// Connection of a request: plain or TLS.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Client {
    /// Client of a gateway. `ca`: authorities (PEM) to trust beside the public ones.
    pub(super) fn new(url: &str, ca: Option<&Path>, key: &str) -> Result<Self, Failure> {
        let base: Url = url
            .parse()
            .map_err(|error| Failure::new(format!("`{url}` is not a URL: {error}")))?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            let failure = Failure::new(format!("`{url}` is not an http:// or https:// URL"));
            return Err(failure.hint("the gateway says where it listens when it starts"));
        }
        let host = base.host_str().unwrap_or_default();
        // An IPv6 address has brackets in a URL, and none anywhere else.
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let tls = (base.scheme() == "https").then(|| tls(&host, ca));
        Ok(Self {
            port: base.port_or_known_default().unwrap_or(80),
            tls: tls.transpose()?,
            host,
            base,
            key: key.to_owned(),
            tenant: None,
        })
    }

    /// The same client, acting for a tenant.
    pub(super) fn acting_for(self, tenant: Option<&str>) -> Self {
        Self {
            tenant: tenant.map(str::to_owned),
            ..self
        }
    }

    /// Sends a request; a response without success is an error.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let bytes = body.map(|body| Bytes::from(body.to_string()));
        self.send_bytes(method, path, JSON, bytes.unwrap_or_default())
            .await
    }

    /// Sends a request with a JSON body; a response without success is an error.
    pub(super) async fn submit(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Value, Failure> {
        let bytes = serde_json::to_vec(body).map_err(|error| Failure::of(&error))?;
        self.send_bytes(method, path, JSON, bytes.into()).await
    }

    /// Sends a request with a body of any type; a response without success is an error.
    pub(super) async fn send_bytes(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Bytes,
    ) -> Result<Value, Failure> {
        let answer = self.send(method, path, content_type, body).await?;
        if (200..300).contains(&answer.status) {
            return Ok(answer.body);
        }
        Err(refused(&answer))
    }

    /// Sends a GET request and reads the response as a type; a response without success is an error.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        parsed(self.request(Method::GET, path, JSON, Bytes::new()).await?).await
    }

    /// As `submit`, and reads the response as a type, which may keep the digits of its numbers.
    pub(super) async fn submit_as<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let bytes = serde_json::to_vec(body).map_err(|error| Failure::of(&error))?;
        parsed(self.request(method, path, JSON, bytes.into()).await?).await
    }

    /// Sends a GET request and reads the response as text, up to [`LARGEST_TEXT`] bytes; a response without
    /// success is an error.
    pub(super) async fn text(&self, path: &str) -> Result<String, Failure> {
        let body = Limited::new(self.open(path).await?, LARGEST_TEXT).collect().await;
        let body = body.map_err(|error| Failure::new(format!("the answer cannot be read: {error}")))?;
        String::from_utf8(body.to_bytes().to_vec()).map_err(|error| Failure::of(&error))
    }

    /// Sends a GET request and streams the response; a response without success is an error.
    pub(super) async fn open(&self, path: &str) -> Result<Incoming, Failure> {
        self.open_with(path, None).await
    }

    /// As `open`, with a header.
    pub(super) async fn open_with(
        &self,
        path: &str,
        header: Option<(&'static str, &str)>,
    ) -> Result<Incoming, Failure> {
        let response = self.exchange(Request::new(Full::default()), path, |headers, host| {
            self.add_headers(headers, host, JSON)?;
            if let Some((name, value)) = header {
                let value = value
                    .parse()
                    .map_err(|_| Failure::new(format!("`{name}` is no header's value")))?;
                headers.insert(name, value);
            }
            Ok(())
        });
        let response = response.await?;
        if response.status().is_success() {
            return Ok(response.into_body());
        }
        Err(refused(&read(response).await?))
    }

    /// Sends a request with its own headers and without the key. Returns the response's status.
    pub(super) async fn pass_on(
        &self,
        method: Method,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<u16, Failure> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.headers_mut() = headers;
        let path = &self.base[url::Position::BeforePath..url::Position::AfterQuery];
        let response = self.exchange(request, path, |headers, host| {
            let host = host.parse().map_err(|_| Failure::new("the URL has no host"))?;
            headers.insert(header::HOST, host);
            Ok(())
        });
        let answered = async {
            let response = response.await?;
            let status = response.status().as_u16();
            // Read to its end, so that the application is not cut off.
            let _ = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
            Ok(status)
        };
        let answered = tokio::time::timeout(PATIENCE, answered).await;
        answered.unwrap_or_else(|_| {
            let seconds = PATIENCE.as_secs();
            Err(self.unreachable(Failure::new(format!("no answer within {seconds} seconds"))))
        })
    }

    /// Sends a request with a body and returns the response, with any status.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Bytes,
    ) -> Result<Answer, Failure> {
        read(self.request(method, path, content_type, body).await?).await
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, Failure> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        self.exchange(request, path, |headers, host| {
            self.add_headers(headers, host, content_type)
        })
        .await
    }

    async fn exchange(
        &self,
        mut request: Request<Full<Bytes>>,
        path: &str,
        add_headers: impl FnOnce(&mut HeaderMap, &str) -> Result<(), Failure>,
    ) -> Result<Response<Incoming>, Failure> {
        let failed = |error: &(dyn std::error::Error + 'static)| self.unreachable(Failure::of(error));
        *request.uri_mut() = path.parse().map_err(|error| failed(&error))?;
        add_headers(request.headers_mut(), &self.authority())?;
        let stream = self.connect().await?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| failed(&error))?;
        tokio::spawn(connection);
        let response = sender.send_request(request).await;
        response.map_err(|error| failed(&error))
    }

    async fn connect(&self) -> Result<Box<dyn Stream>, Failure> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await;
        let tcp = tcp.map_err(|error| {
            let failure = self.unreachable(Failure::of(&error));
            failure.hint(
                "is the gateway running, and is this its address? `hookgate serve` says where it listens",
            )
        })?;
        let Some((connector, name)) = &self.tls else {
            return Ok(Box::new(tcp));
        };
        match connector.connect(name.clone(), tcp).await {
            Ok(encrypted) => Ok(Box::new(encrypted)),
            Err(error) => Err(self.unreachable(no_tls(&error))),
        }
    }

    /// Error with the URL that could not be reached.
    fn unreachable(&self, failure: Failure) -> Failure {
        failure.prefixed(&format!("cannot speak to {}", self.base))
    }

    fn authority(&self) -> String {
        format!("{}:{}", self.base.host_str().unwrap_or_default(), self.port)
    }

    fn add_headers(&self, headers: &mut HeaderMap, host: &str, content_type: &str) -> Result<(), Failure> {
        let bearer = format!("Bearer {}", self.key);
        for (name, value) in [
            (header::HOST, host),
            (header::CONTENT_TYPE, content_type),
            (header::AUTHORIZATION, bearer.as_str()),
        ] {
            let value = value
                .parse()
                .map_err(|_| Failure::new("the key is not one: it has characters that no header may have"))?;
            headers.insert(name, value);
        }
        if let Some(tenant) = &self.tenant {
            let value = tenant
                .parse()
                .map_err(|_| Failure::new(format!("`{}` is no tenant's name", tenant.escape_default())))?;
            headers.insert(TENANT_HEADER, value);
        }
        Ok(())
    }
}

/// Reads a response completely.
async fn read(response: Response<Incoming>) -> Result<Answer, Failure> {
    let status = response.status().as_u16();
    let body = bytes(response.into_body()).await?;
    Ok(Answer {
        status,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    })
}

/// Reads a response as a type; one without success is an error.
async fn parsed<T: DeserializeOwned>(response: Response<Incoming>) -> Result<T, Failure> {
    if !response.status().is_success() {
        return Err(refused(&read(response).await?));
    }
    let body = bytes(response.into_body()).await?;
    serde_json::from_slice(&body)
        .map_err(|error| Failure::of(&error).prefixed("the answer is not what was expected"))
}

async fn bytes(body: Incoming) -> Result<Bytes, Failure> {
    let body = Limited::new(body, LARGEST_ANSWER).collect().await;
    let body = body.map_err(|error| Failure::new(format!("the answer cannot be read: {error}")))?;
    Ok(body.to_bytes())
}

/// TLS connector for a host, whose certificate is verified.
fn tls(host: &str, ca: Option<&Path>) -> Result<(TlsConnector, ServerName<'static>), Failure> {
    let config = hookgate_egress::tls_config(ca).map_err(|error| Failure::of(&error))?;
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Failure::new(format!("`{host}` cannot be the name in a certificate")))?;
    Ok((TlsConnector::from(config), name))
}

/// Error of a failed TLS handshake, with a hint.
fn no_tls(error: &std::io::Error) -> Failure {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let failure = Failure::of(inner.map_or(error as &(dyn std::error::Error + 'static), |tls| tls))
        .prefixed("no TLS with it");
    match inner {
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => failure.hint(
            "the gateway's certificate is not from a public authority: give that of its own with `--ca FILE` or HG_CA",
        ),
        Some(rustls::Error::InvalidMessage(_)) => failure.hint("does it speak http? then the URL begins with http://"),
        Some(_) | None => failure,
    }
}

/// Error from the gateway's own refusal text.
pub(super) fn refused(answer: &Answer) -> Failure {
    let detail = answer.body["detail"]
        .as_str()
        .or_else(|| answer.body["title"].as_str());
    let told = format!(
        "the gateway answered {}: {}",
        answer.status,
        detail.unwrap_or("nothing more")
    );
    let failure = Failure::new(told).answered(answer.status);
    match (answer.body["fix"].as_str(), answer.status) {
        (_, 401) => failure.hint("the key is missing or wrong: give one of this gateway with `--key`"),
        (Some(fix), _) => failure.hint(fix),
        (None, _) => failure,
    }
}

/// Content type of a request without a body, or with JSON.
const JSON: &str = "application/json";
/// Maximum time for an application to answer.
const PATIENCE: Duration = Duration::from_secs(60);
const LARGEST_ANSWER: usize = 16 << 20;
const LARGEST_TEXT: usize = 256 << 20;
