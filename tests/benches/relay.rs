//! The machine's limit: a bare hyper relay that signs and forwards, without a store or plugins.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use sha2::Sha256;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};

use crate::load::{self, Plan};
use crate::sink::Sink;

/// Events per second through the relay.
pub async fn measure(plan: &Plan) -> Result<f64> {
    let sink = Sink::start(plan.events).await?;
    let address = serve(sink.address).await?;
    let start = Instant::now();
    load::run(address, "/", "none", plan).await?;
    while sink.count() < plan.events {
        ensure!(
            start.elapsed() < Duration::from_secs(120),
            "only {} came",
            sink.count()
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 53 bits")]
    Ok(plan.events as f64 / start.elapsed().as_secs_f64())
}

async fn serve(sink: SocketAddr) -> Result<SocketAddr> {
    let (forward, mut queue) = mpsc::channel::<Bytes>(4096);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (free, idle) = mpsc::channel(OUTBOUND);
    for _ in 0..OUTBOUND {
        let stream = TcpStream::connect(sink).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        free.send(sender).await?;
    }
    let idle = Arc::new(Mutex::new(idle));
    tokio::spawn(async move {
        while let Some(body) = queue.recv().await {
            let Some(sender) = idle.lock().await.recv().await else {
                return;
            };
            tokio::spawn(send(sender, body, sink, free.clone()));
        }
    });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let forward = forward.clone();
            let service = service_fn(move |request| accept(request, forward.clone()));
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    Ok(address)
}

async fn accept(
    request: Request<Incoming>,
    forward: mpsc::Sender<Bytes>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if let Ok(body) = request.into_body().collect().await {
        let _ = forward.send(body.to_bytes()).await;
    }
    Ok(Response::new(Full::from("{}")))
}

async fn send(
    mut sender: SendRequest<Full<Bytes>>,
    body: Bytes,
    sink: SocketAddr,
    free: mpsc::Sender<SendRequest<Full<Bytes>>>,
) {
    let mut mac = Hmac::<Sha256>::new_from_slice(&[7; 32]).expect("any length is a key");
    mac.update(&body);
    let signature = hex::encode(mac.finalize().into_bytes());
    let request = Request::post("/")
        .header("host", sink.to_string())
        .header("signature", signature);
    let request = request.body(Full::new(body)).expect("a valid request");
    if let Ok(response) = sender.send_request(request).await {
        let _ = response.into_body().collect().await;
        let _ = free.send(sender).await;
    }
}

const OUTBOUND: usize = 64;
