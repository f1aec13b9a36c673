//! HTTP/1.1 connections.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http::header::UPGRADE;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use crate::app::Settings;
use crate::frontends::shared::dispatch::dispatch;
use crate::frontends::shared::router::Router;
use crate::net::connection_protocol::{Connection, ConnectionProtocol, Recognition, Serving};
use crate::net::http::request_body::IncomingBody;
use crate::net::http::upgrade::UpgradeSlot;
use crate::net::watched_stream::WatchedStream;

/// HTTP/1.1; it also responds to what no protocol recognises, with 400.
pub(crate) struct Http1 {
    /// Leads requests to the routes of the front ends.
    pub(crate) router: Arc<Router>,
}

impl ConnectionProtocol for Http1 {
    fn name(&self) -> &'static str {
        "http/1.1"
    }

    fn recognise(&self, _: &[u8]) -> Recognition {
        Recognition::Yes
    }

    fn serve(&self, connection: Connection) -> Serving {
        let router = Arc::clone(&self.router);
        Box::pin(async move { Ok(run(connection, router).await?) })
    }
}

fn builder(settings: &Settings, header_timeout: Duration) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // With vectored writes, a stream of small chunks is written 16 chunks at a time.
        .writev(false)
        .header_read_timeout(header_timeout)
        .max_header_size(settings.max_header_bytes)
        .max_buf_size(settings.max_header_bytes);
    builder
}

/// Whether a connection starts with three words of which the last is no version of HTTP. It is closed
/// without a response, as a client of HTTP/2 expects after a wrong preface (RFC 9113, section 3.4).
fn is_foreign(start: &[u8]) -> bool {
    let Some((line, _)) = memchr::memchr(b'\n', start).and_then(|end| start.split_at_checked(end))
    else {
        return false;
    };
    let mut words = line.trim_ascii_end().split(|byte| *byte == b' ');
    let version = words.nth(2);
    version.is_some_and(|version| !version.starts_with(b"HTTP/")) && words.next().is_none()
}

async fn run(connection: Connection, router: Arc<Router>) -> hyper::Result<()> {
    let Connection { stream, peer, place, header_timeout, app, mut closing } = connection;
    if is_foreign(stream.start()) {
        return Ok(());
    }
    let builder = builder(&app.settings, header_timeout);
    let slot = UpgradeSlot::new(closing.clone());
    let upgrade = slot.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (mut parts, body) = request.into_parts();
        if parts.headers.contains_key(UPGRADE) {
            parts.extensions.insert(upgrade.clone());
        }
        let body = IncomingBody::plain(&parts.headers, body);
        let request = Request::from_parts(parts, body);
        dispatch(Arc::clone(&router), Arc::clone(&app), peer.clone(), place, request)
    });
    let stream = TokioIo::new(WatchedStream::new(stream));
    let mut served = pin!(builder.serve_connection(stream, service).with_upgrades());
    tokio::select! {
        outcome = served.as_mut() => outcome?,
        _ = closing.changed() => {
            served.as_mut().graceful_shutdown();
            served.await?;
        }
    }
    slot.serve().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_other_versions_are_foreign() {
        for foreign in [&b"INVALID CONNECTION PREFACE\r\n\r\n"[..], b"GET / SPDY/3\r\n", b"a b c\n"]
        {
            assert!(is_foreign(foreign), "{}", foreign.escape_ascii());
        }
        for other in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"GET / HTTP/9\r\n",
            b"GET /\r\n",
            b"GET / a HTTP/1.1\r\n",
            b"GET / SPDY/3",
            b"",
        ] {
            assert!(!is_foreign(other), "{}", other.escape_ascii());
        }
    }
}
