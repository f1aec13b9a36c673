//! One connection: which protocol it speaks, and serving it until it ends.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::app::{App, Settings};
use crate::call::dispatch::dispatch;
use crate::net::read_ahead::ReadAhead;
use crate::net::watched_stream::WatchedStream;

const MAX_STREAMS: u32 = 1024;
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Pause between looks at a connection that sent less than tells its protocol.
const SNIFF_PAUSE: Duration = Duration::from_millis(2);
/// What every HTTP/2 client sends first (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum Protocol {
    Http1,
    Http2,
}

/// Serves a connection until it ends or `closing` loses its sender.
pub(crate) async fn run(
    stream: TcpStream,
    peer: SocketAddr,
    app: Arc<App>,
    mut closing: watch::Receiver<()>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "can't set TCP_NODELAY");
    }
    let sniffed = tokio::select! {
        sniffed = tokio::time::timeout(app.settings.header_timeout, sniff(&stream)) => sniffed,
        _ = closing.changed() => return,
    };
    let outcome = match sniffed {
        Ok(Ok(Protocol::Http1)) => run_http1(stream, peer, app, closing).await,
        Ok(Ok(Protocol::Http2)) => run_http2(stream, peer, app, closing).await,
        // The client left or sent nothing: there is no request to answer.
        Ok(Err(_)) | Err(_) => return,
    };
    if let Err(error) = outcome {
        tracing::debug!(%peer, %error, "connection ended");
    }
}

/// Looks at the first bytes without taking them.
///
/// It waits for the whole preface: the HTTP/2 side has no time limit for it.
async fn sniff(stream: &TcpStream) -> io::Result<Protocol> {
    let mut start = [0; HTTP2_PREFACE.len()];
    loop {
        let count = stream.peek(&mut start).await?;
        let seen = start.get(..count).unwrap_or_default();
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if !HTTP2_PREFACE.starts_with(seen) {
            return Ok(Protocol::Http1);
        }
        if count == HTTP2_PREFACE.len() {
            return Ok(Protocol::Http2);
        }
        tokio::time::sleep(SNIFF_PAUSE).await;
    }
}

fn http1_builder(settings: &Settings) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // A stream of small chunks would be written 16 at a time, each in three slices.
        .writev(false)
        .header_read_timeout(settings.header_timeout)
        .max_header_size(settings.max_header_bytes)
        .max_buf_size(settings.max_header_bytes);
    builder
}

fn http2_builder(settings: &Settings) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_header_list_size(u32::try_from(settings.max_header_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}

async fn run_http1(
    stream: TcpStream,
    peer: SocketAddr,
    app: Arc<App>,
    mut closing: watch::Receiver<()>,
) -> hyper::Result<()> {
    let builder = http1_builder(&app.settings);
    let service = service_fn(move |request| dispatch(Arc::clone(&app), peer, request));
    let stream = TokioIo::new(WatchedStream::new(stream));
    let mut served = pin!(builder.serve_connection(stream, service));
    tokio::select! {
        outcome = served.as_mut() => return outcome,
        _ = closing.changed() => served.as_mut().graceful_shutdown(),
    }
    served.await
}

async fn run_http2(
    stream: TcpStream,
    peer: SocketAddr,
    app: Arc<App>,
    mut closing: watch::Receiver<()>,
) -> hyper::Result<()> {
    let builder = http2_builder(&app.settings);
    let service = service_fn(move |request| dispatch(Arc::clone(&app), peer, request));
    let mut served = pin!(builder.serve_connection(TokioIo::new(ReadAhead::new(stream)), service));
    tokio::select! {
        outcome = served.as_mut() => return outcome,
        _ = closing.changed() => served.as_mut().graceful_shutdown(),
    }
    served.await
}
