//! HTTP/2 connections, which gRPC runs on.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use crate::app::Settings;
use crate::frontends::shared::dispatch::dispatch;
use crate::frontends::shared::router::Router;
use crate::net::connection_protocol::{Connection, ConnectionProtocol, Recognition, Serving};
use crate::net::http::read_ahead::ReadAhead;
use crate::net::http::request_body::IncomingBody;
use crate::net::http::stream_tasks::StreamTasks;
use crate::net::listener::CLOSE_GRACE;

const MAX_STREAMS: u32 = 1024;
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// The connection preface of every HTTP/2 client (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// HTTP/2 with prior knowledge.
pub(crate) struct Http2 {
    /// Leads requests to the routes of the front ends.
    pub(crate) router: Arc<Router>,
}

impl ConnectionProtocol for Http2 {
    fn name(&self) -> &'static str {
        "h2"
    }

    /// Requires the whole preface, because the HTTP/2 library has no timeout for it.
    fn recognise(&self, start: &[u8]) -> Recognition {
        if start.starts_with(PREFACE) {
            Recognition::Yes
        } else if PREFACE.starts_with(start) {
            Recognition::NeedsMore
        } else {
            Recognition::No
        }
    }

    fn serve(&self, connection: Connection) -> Serving {
        let router = Arc::clone(&self.router);
        Box::pin(async move { Ok(run(connection, router).await?) })
    }
}

fn builder(settings: &Settings, tasks: StreamTasks) -> http2::Builder<StreamTasks> {
    let mut builder = http2::Builder::new(tasks);
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

/// Serves the connection until it ends. A connection on which no exchange ends is closed after the
/// timeout of heads: also one that answers PING, that does not finish a head, or that begins requests
/// and finishes none.
async fn run(connection: Connection, router: Arc<Router>) -> hyper::Result<()> {
    let Connection { stream, peer, place, header_timeout, app, mut closing } = connection;
    let (stalling_app, stalling_peer) = (Arc::clone(&app), peer.clone());
    let report = move || stalling_app.note_stall(&stalling_peer);
    let settings = &app.settings;
    let tasks =
        StreamTasks::new(settings.stream_stall_timeout, settings.stream_idle_timeout, report);
    let body_timeout = app.settings.body_timeout;
    let builder = builder(&app.settings, tasks.clone());
    let announcing = tasks.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let progress = announcing.announce();
        let (parts, body) = request.into_parts();
        let body = IncomingBody::watched(&parts.headers, body, Arc::clone(&progress));
        let request = Request::from_parts(parts, body);
        let (router, app) = (Arc::clone(&router), Arc::clone(&app));
        let responding = dispatch(router, app, peer.clone(), place, request);
        async move { responding.await.map(|response| response.map(|body| progress.watch(body))) }
    });
    let mut served = pin!(builder.serve_connection(TokioIo::new(ReadAhead::new(stream)), service));
    tokio::select! {
        outcome = served.as_mut() => return outcome,
        _ = closing.changed() => {
            served.as_mut().graceful_shutdown();
            return served.await;
        }
        () = tasks.wait_useless(header_timeout) => {}
    }
    served.as_mut().graceful_shutdown();
    tokio::select! {
        outcome = served => outcome,
        () = tasks.wait_closed(body_timeout, CLOSE_GRACE) => Ok(()),
    }
}
