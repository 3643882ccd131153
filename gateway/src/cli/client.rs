//! A small client of a gateway's API, for commands that speak to one. Plain http, one connection a request.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use url::Url;

use super::output::Failure;

/// Speaks to a gateway with a key.
#[derive(Debug, Clone)]
pub(super) struct Client {
    base: Url,
    key: String,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    /// JSON null where the answer was none.
    pub body: Value,
}

impl Client {
    pub(super) fn new(base: &str, key: &str) -> Result<Self, Failure> {
        let base: Url = base
            .parse()
            .map_err(|error| Failure::new(format!("`{base}` is not a URL: {error}")))?;
        if base.scheme() != "http" {
            let failure = Failure::new(format!("`{base}` is not an http:// URL"));
            return Err(failure
                .hint("this command speaks to a gateway on this machine or network; for https use curl"));
        }
        Ok(Self {
            base,
            key: key.to_owned(),
        })
    }

    /// A request that must be answered with success.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let bytes = body.map(|body| Bytes::from(body.to_string()));
        self.send_bytes(method, path, "application/json", bytes.unwrap_or_default())
            .await
    }

    /// A request with a body of any kind that must be answered with success.
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
        let detail = answer.body["detail"]
            .as_str()
            .or_else(|| answer.body["title"].as_str());
        let said = format!(
            "the gateway answered {}: {}",
            answer.status,
            detail.unwrap_or("nothing more")
        );
        let failure = Failure::new(said);
        Err(match answer.body["fix"].as_str() {
            Some(fix) => failure.hint(fix),
            None => failure,
        })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Bytes,
    ) -> Result<Answer, Failure> {
        let failed = |error: &(dyn std::error::Error + 'static)| {
            let failure = Failure::of(error);
            failure
                .prefixed(&format!("cannot speak to {}", self.base))
                .hint("is the gateway running? `hookgate serve`")
        };
        let host = self.base.host_str().unwrap_or_default().to_owned();
        let port = self.base.port_or_known_default().unwrap_or(80);
        let stream = TcpStream::connect((host.as_str(), port))
            .await
            .map_err(|error| failed(&error))?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| failed(&error))?;
        tokio::spawn(connection);
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().map_err(|error| failed(&error))?;
        self.add_headers(request.headers_mut(), &format!("{host}:{port}"), content_type)?;
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| failed(&error))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
        let body = body
            .map_err(|error| Failure::new(format!("the answer cannot be read: {error}")))?
            .to_bytes();
        Ok(Answer {
            status,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        })
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
        Ok(())
    }
}

const LARGEST_ANSWER: usize = 16 << 20;
