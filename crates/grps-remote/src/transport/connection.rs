//! One HTTP/2 connection to an endpoint, and the pings that find out that its peer is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{self, SendRequest};
use h2::{Ping, PingPong};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsConnector;

use crate::settings::ServiceSettings;
use crate::transport::counted::Counted;
use crate::transport::tls;

/// How often a connection is tried.
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// How long a peer may take to answer.
const PING_TIMEOUT: Duration = Duration::from_millis(500);
/// How long it may take if nothing else takes its calls: a machine that is busy beats none.
const LAST_PING_TIMEOUT: Duration = Duration::from_secs(5);
const STREAM_WINDOW_BYTES: u32 = 4 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;
/// Larger frames take fewer calls, smaller ones let others pass sooner.
const MAX_FRAME_BYTES: u32 = 64 << 10;
const MAX_HEADER_BYTES: u32 = 64 << 10;

/// Whether something else takes the calls of an endpoint.
pub(crate) type HasOther = Arc<dyn Fn() -> bool + Send + Sync>;

/// Why a connection has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Its peer answers no ping and sends nothing.
    Silent,
    /// Its peer has closed it.
    Closed,
    /// It broke.
    Broken(String),
}

/// A connection; it ends once nobody holds it and its last exchange has ended.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Bytes>,
    /// Exchanges in progress.
    pub(crate) in_flight: AtomicUsize,
    /// Whether its peer is on this host.
    pub(crate) is_local: bool,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether it takes no more requests.
    retired: AtomicBool,
    /// Why it has ended; `None` while it is open.
    ended: Mutex<Option<Ended>>,
}

impl Connection {
    /// Connects to an endpoint; `changed` is told when the connection takes no more requests.
    ///
    /// # Errors
    /// Why it can't be reached, as a line.
    pub(crate) async fn open(
        address: &str,
        settings: &ServiceSettings,
        changed: Arc<Notify>,
        has_other: HasOther,
    ) -> Result<Self, String> {
        let limit = settings.connect_timeout();
        let watch = (changed, has_other);
        let opened = timeout(limit, Self::connect(address, settings, watch)).await;
        opened.unwrap_or_else(|_| {
            Err(format!("no connection within {} ms (connect_timeout_ms)", limit.as_millis()))
        })
    }

    async fn connect(
        address: &str,
        settings: &ServiceSettings,
        watch: (Arc<Notify>, HasOther),
    ) -> Result<Self, String> {
        let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let is_local = is_local(&stream);
        let Some(files) = &settings.tls else { return Self::begin(stream, is_local, watch).await };
        let name = tls::server_name(files, address)?;
        let connector = TlsConnector::from(tls::load(files, b"h2")?);
        let stream = connector.connect(name, stream).await;
        let stream = stream.map_err(|error| format!("TLS: {error}"))?;
        if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err("TLS: the endpoint does not speak HTTP/2".to_owned());
        }
        Self::begin(stream, is_local, watch).await
    }

    async fn begin<S>(
        stream: S,
        is_local: bool,
        (changed, has_other): (Arc<Notify>, HasOther),
    ) -> Result<Self, String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let received = Arc::new(AtomicU64::new(0));
        let handshake = client::Builder::new()
            .initial_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_frame_size(MAX_FRAME_BYTES)
            .max_header_list_size(MAX_HEADER_BYTES)
            .enable_push(false)
            .handshake(Counted::new(stream, Arc::clone(&received)))
            .await;
        let (sender, mut driver) = handshake.map_err(|error| format!("HTTP/2: {error}"))?;
        let pings = driver.ping_pong();
        let state = Arc::new(State::default());
        let watched = Arc::clone(&state);
        tokio::spawn(async move {
            let ended = tokio::select! {
                outcome = &mut driver => match outcome {
                    Ok(()) => Ended::Closed,
                    Err(error) => Ended::Broken(error.to_string()),
                },
                () = until_silent(pings, &received, &has_other) => Ended::Silent,
            };
            watched.retired.store(true, Ordering::Release);
            *watched.ended.lock() = Some(ended);
            // With the driver, exchanges in progress end by an error.
            drop(driver);
            changed.notify_one();
        });
        Ok(Self { sender, in_flight: AtomicUsize::new(0), is_local, state })
    }

    /// What sends requests.
    pub(crate) fn sender(&self) -> SendRequest<Bytes> {
        self.sender.clone()
    }

    /// Takes no more requests: its peer has said so.
    pub(crate) fn retire(&self) {
        self.state.retired.store(true, Ordering::Release);
    }

    /// Whether it takes requests.
    pub(crate) fn is_open(&self) -> bool {
        !self.state.retired.load(Ordering::Acquire)
    }

    /// Why it has ended; `None` while it is open.
    pub(crate) fn ended(&self) -> Option<Ended> {
        self.state.ended.lock().clone()
    }
}

/// Whether the peer is on this host: it has the address of this side.
fn is_local(stream: &TcpStream) -> bool {
    match (stream.peer_addr(), stream.local_addr()) {
        (Ok(peer), Ok(own)) => peer.ip() == own.ip(),
        _ => false,
    }
}

/// Waits until the peer has left a ping without an answer and has sent nothing else meanwhile.
async fn until_silent(pings: Option<PingPong>, received: &AtomicU64, has_other: &HasOther) {
    let Some(mut pings) = pings else { return std::future::pending().await };
    let mut next = Instant::now() + PING_INTERVAL;
    loop {
        sleep_until(next).await;
        next = Instant::now() + PING_INTERVAL;
        let before = received.load(Ordering::Relaxed);
        match timeout(PING_TIMEOUT, pings.ping(Ping::opaque())).await {
            Ok(Ok(_)) => {}
            // The connection has ended, which its driver reports.
            Ok(Err(_)) => return std::future::pending().await,
            Err(_) => {
                if stays_silent(&mut pings, (received, before), has_other).await {
                    return;
                }
            }
        }
    }
}

/// Whether a ping that is on its way gets no answer, and nothing else comes either.
async fn stays_silent(
    pings: &mut PingPong,
    (received, before): (&AtomicU64, u64),
    has_other: &HasOther,
) -> bool {
    let end = Instant::now() + LAST_PING_TIMEOUT;
    loop {
        let is_silent = received.load(Ordering::Relaxed) == before;
        if is_silent && (has_other() || Instant::now() >= end) {
            return true;
        }
        // The answer is awaited before the next ping.
        if timeout(PING_TIMEOUT / 5, answer(pings)).await.is_ok() {
            return false;
        }
    }
}

async fn answer(pings: &mut PingPong) {
    // An error ends the connection, which its driver reports.
    let _ = std::future::poll_fn(|context| pings.poll_pong(context)).await;
}
