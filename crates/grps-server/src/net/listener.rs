//! Accepts connections up to the limit, and drains at shutdown.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use crate::app::App;
use crate::frontends::shared::router::Router;
use crate::frontends::{FRONT_ENDS, FrontEnd};
use crate::net::accept::bound::{Accepted, Bound, Listening};
use crate::net::connection;
use crate::net::connection_protocol::ConnectionProtocol;
use crate::net::descriptors::{LentDescriptor, is_exhausted};
use crate::net::http::http1::Http1;
use crate::net::http::http2::Http2;
use crate::net::peer::Peer;
use crate::net::places::{Permit, Place};
use crate::observability::monitoring;
use crate::observability::process::max_descriptors;

pub use crate::net::accept::bound::bind;

/// Least time for connections to close after the last request has ended: a slow client may still be
/// reading a large response.
pub(crate) const CLOSE_GRACE: Duration = Duration::from_secs(2);
/// Pause after a failed accept, which usually means that no file descriptor is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `shutdown` resolves, then drains: running requests finish, new ones get 503.
///
/// # Errors
/// The error of the system when a listener can't be used.
pub async fn serve(
    listeners: Vec<impl Into<Bound>>,
    app: Arc<App>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Handle::current();
    if let Some(services) = app.services() {
        services.start(&runtime);
    }
    app.engine.set_runtime(runtime);
    serve_front_ends(FRONT_ENDS, listeners, app, shutdown).await
}

/// As [`serve`], for these front ends.
///
/// # Errors
/// As [`serve`].
pub(crate) async fn serve_front_ends(
    front_ends: &[&'static dyn FrontEnd],
    listeners: Vec<impl Into<Bound>>,
    app: Arc<App>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    warn_about_descriptors(&app);
    let protocols = protocols(front_ends, &app);
    let (stop_accepting, accepting) = watch::channel(None);
    let mut acceptors = JoinSet::new();
    for listener in listeners {
        let (protocols, app) = (Arc::clone(&protocols), Arc::clone(&app));
        let acceptor = Acceptor { listener: Listening::new(listener.into())?, protocols, app };
        acceptors.spawn(acceptor.run(accepting.clone()));
    }
    drop(accepting);
    let ticking = tokio::spawn(monitoring::run(Arc::clone(&app)));
    let watching = tokio::spawn(monitoring::watch_memory(Arc::clone(&app)));
    let certificates = app.settings.interface.tls.clone();
    let reloading = tokio::spawn(async move {
        if let Some(tls) = certificates {
            tls.watch().await;
        }
    });
    let exporting = tokio::spawn(export_traces(Arc::clone(&app)));
    shutdown.await;
    let end = Instant::now() + app.settings.drain_timeout.max(CLOSE_GRACE);
    drain(&app).await;
    // Fails only if all acceptors have ended already.
    let _ = stop_accepting.send(Some(end));
    while acceptors.join_next().await.is_some() {}
    ticking.abort();
    end_traces(&app, exporting).await;
    watching.abort();
    reloading.abort();
    Ok(())
}

/// Warns when the limit of open files does not allow the configured number of connections.
fn warn_about_descriptors(app: &App) {
    let (wanted, fitting) = (app.settings.max_connections, app.places.limit());
    if fitting < wanted {
        let open_files = max_descriptors();
        tracing::warn!(
            max_connections = wanted,
            fitting,
            open_files,
            "the limit of open files allows fewer connections than max_connections: raise it \
             (ulimit -n, or LimitNOFILE= of systemd) or lower max_connections"
        );
    }
}

async fn export_traces(app: Arc<App>) {
    if let Some(traces) = &app.traces {
        traces.run().await;
    }
}

/// Exports the queued spans.
async fn end_traces(app: &App, exporting: JoinHandle<()>) {
    if let Some(traces) = &app.traces {
        traces.end();
        if tokio::time::timeout(CLOSE_GRACE, exporting).await.is_err() {
            tracing::warn!("the last spans were not exported in time");
        }
    }
}

/// Refuses new requests and waits for running requests.
async fn drain(app: &App) {
    app.engine.health().set_draining();
    tracing::info!(in_flight = app.in_flight.count(), "draining");
    let finished = tokio::time::timeout(app.settings.drain_timeout, app.in_flight.wait_idle());
    if finished.await.is_err() {
        let in_flight = app.in_flight.count();
        tracing::warn!(in_flight, "the drain timeout passed; ending running requests");
    }
}

/// The protocols of connections, in the order in which they are tried.
fn protocols(front_ends: &[&'static dyn FrontEnd], app: &App) -> Protocols {
    let router = Arc::new(Router::new(front_ends, &app.settings));
    let is_on = |front_end: &&&dyn FrontEnd| !app.settings.front_ends.is_off(front_end.name());
    let own =
        front_ends.iter().filter(is_on).filter_map(|front_end| front_end.connection_protocol());
    let http2 = Box::new(Http2 { router: Arc::clone(&router) });
    own.chain([http2 as Box<dyn ConnectionProtocol>, Box::new(Http1 { router })]).collect()
}

type Protocols = Arc<[Box<dyn ConnectionProtocol>]>;

/// Accepts connections of one listener.
struct Acceptor {
    listener: Listening,
    protocols: Protocols,
    app: Arc<App>,
}

impl Acceptor {
    /// Accepts until `accepting` carries the deadline for open connections.
    async fn run(self, mut accepting: watch::Receiver<Option<Instant>>) {
        let (close, closing) = watch::channel(());
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                _ = accepting.changed() => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => self.admit(stream, peer, &closing, &mut connections),
                    Err(error) => self.retry(error, &closing, &mut connections).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
        drop(self.listener);
        drop(closing);
        drop(close);
        let end = accepting.borrow().unwrap_or_else(Instant::now).max(Instant::now() + CLOSE_GRACE);
        let closed = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout_at(end, closed).await.is_err() {
            tracing::warn!("ending connections that did not close in time");
        }
    }

    fn admit(
        &self,
        stream: Accepted,
        peer: Peer,
        closing: &watch::Receiver<()>,
        connections: &mut JoinSet<()>,
    ) {
        let permit = self.app.places.take();
        if permit.place() == Place::Reserved
            && let Some(left_out) = self.app.refusal_log.admit()
        {
            let limit = self.app.places.limit();
            tracing::warn!(%peer, limit, left_out, "too many connections");
        }
        connections.spawn(self.serve(stream, peer, permit, None, closing.clone()));
    }

    /// Accepts a connection with a spare descriptor after `error`, which usually means that no other
    /// descriptor is free.
    async fn retry(
        &self,
        error: io::Error,
        closing: &watch::Receiver<()>,
        connections: &mut JoinSet<()>,
    ) {
        if let Some(left_out) = self.app.refusal_log.admit() {
            tracing::warn!(%error, left_out, "can't accept a connection");
        }
        let spare = if is_exhausted(&error) { self.app.spare_descriptors.lend() } else { None };
        let Some(spare) = spare else { return tokio::time::sleep(ACCEPT_PAUSE).await };
        let accepted = tokio::time::timeout(ACCEPT_PAUSE, self.listener.accept()).await;
        let Ok(Ok((stream, peer))) = accepted else { return };
        let permit = self.app.places.take_reserved();
        connections.spawn(self.serve(stream, peer, permit, Some(spare), closing.clone()));
    }

    /// Serves a connection, which returns its spare descriptor afterwards.
    fn serve(
        &self,
        stream: Accepted,
        peer: Peer,
        permit: Permit,
        spare: Option<LentDescriptor>,
        closing: watch::Receiver<()>,
    ) -> impl Future<Output = ()> + Send + use<> {
        let (protocols, app) = (Arc::clone(&self.protocols), Arc::clone(&self.app));
        let transport = stream.into_transport(app.settings.stream_stall_timeout);
        async move {
            connection::run(transport, peer, permit, protocols, app, closing).await;
            drop(spare);
        }
    }
}
