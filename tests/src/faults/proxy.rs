//! A proxy of our own between gateways and a store: it delays, cuts, goes silent, chops, and swallows replies.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// A running proxy; it ends when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    task: JoinHandle<()>,
}

/// Treatment of forwarded bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Bytes are forwarded.
    Pass,
    /// Bytes are delayed by this time in each direction.
    Delay(Duration),
    /// Bytes are held back until the mode changes, then all of them are forwarded.
    Silent,
    /// All connections are closed, new ones at once.
    Cut,
    /// They pass a few at a time.
    Chopped,
    /// The server has all of it, and whoever asked no reply; those connections end when the mode changes.
    NoReplies,
    /// Connections that are there have their replies ended while requests still pass; new ones are whole.
    HalfClosed,
}

impl Proxy {
    /// Starts one before a server.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("a free port")?;
        let address = listener.local_addr()?;
        let (mode, modes) = watch::channel(Mode::Pass);
        let task = tokio::spawn(listen(listener, server, modes));
        Ok(Self { address, mode, task })
    }

    /// URL of the proxy.
    pub fn url(&self) -> String {
        format!("redis://{}/", self.address)
    }

    /// Sets the mode from now on.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(listener: TcpListener, server: SocketAddr, modes: watch::Receiver<Mode>) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            continue;
        };
        if *modes.borrow() == Mode::Cut {
            continue;
        }
        tokio::spawn(connection(client, server, modes.clone()));
    }
}

async fn connection(client: TcpStream, server: SocketAddr, modes: watch::Receiver<Mode>) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let born_in = *modes.borrow();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let requests = pass(from_client, to_server, modes.clone(), Side::Requests);
    let replies = pass(from_server, to_client, modes.clone(), Side::Replies { born_in });
    // Tasks of their own end with this one.
    tokio::select! {
        () = cut(modes) => {}
        () = async { tokio::join!(requests, replies); } => {}
    }
}

async fn cut(mut modes: watch::Receiver<Mode>) {
    until(&mut modes, |mode| mode == Mode::Cut).await;
}

/// Waits for a mode; for ever where no more is told.
async fn until(modes: &mut watch::Receiver<Mode>, is_such: impl Fn(Mode) -> bool) {
    if modes.wait_for(|mode| is_such(*mode)).await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Requests,
    Replies {
        /// The mode when the connection began.
        born_in: Mode,
    },
}

/// One direction, until either end hangs up.
async fn pass(
    from: impl AsyncRead + Unpin,
    to: impl AsyncWrite + Unpin,
    modes: watch::Receiver<Mode>,
    side: Side,
) {
    let (queue, queued) = mpsc::channel(1024);
    tokio::join!(read(from, queue, modes.clone()), write(to, queued, modes, side));
}

/// Reads, and says of each chunk when it may go on.
async fn read(
    mut from: impl AsyncRead + Unpin,
    queue: mpsc::Sender<(Instant, Vec<u8>)>,
    modes: watch::Receiver<Mode>,
) {
    let mut chunk = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        let delay = match *modes.borrow() {
            Mode::Delay(delay) => delay,
            _ => Duration::ZERO,
        };
        let due = Instant::now() + delay;
        if queue.send((due, chunk[..read].to_vec())).await.is_err() {
            return;
        }
    }
}

async fn write(
    mut to: impl AsyncWrite + Unpin,
    mut queued: mpsc::Receiver<(Instant, Vec<u8>)>,
    mut modes: watch::Receiver<Mode>,
    side: Side,
) {
    let replies = matches!(side, Side::Replies { .. });
    let half_closes =
        |mode: Mode| matches!(side, Side::Replies { born_in } if mode == Mode::HalfClosed && born_in != mode);
    let mut swallowed = false;
    loop {
        let next = tokio::select! {
            next = queued.recv() => next,
            () = until(&mut modes, |mode| half_closes(mode) || (swallowed && mode != Mode::NoReplies)), if replies => {
                if !swallowed {
                    // The other side sees the end of the stream; what it sends still passes.
                    let _ = to.shutdown().await;
                    while queued.recv().await.is_some() {}
                }
                return;
            }
        };
        let Some((due, bytes)) = next else {
            let _ = to.shutdown().await;
            return;
        };
        sleep_until(due).await;
        until(&mut modes, |mode| mode != Mode::Silent).await;
        let mode = *modes.borrow();
        if mode == Mode::NoReplies && replies {
            swallowed = true;
            continue;
        }
        let most = if mode == Mode::Chopped { 7 } else { bytes.len() };
        for part in bytes.chunks(most) {
            if to.write_all(part).await.is_err() {
                return;
            }
        }
    }
}
