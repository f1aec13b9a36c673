//! Binds addresses, accepts connections up to the limit, and drains at shutdown.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use crate::app::App;
use crate::frontends::shared::router::Router;
use crate::frontends::{FRONT_ENDS, FrontEnd};
use crate::net::connection;
use crate::net::connection_protocol::ConnectionProtocol;
use crate::net::http1::Http1;
use crate::net::http2::Http2;
use crate::net::peer::Peer;
use crate::net::transport::Transport;
use crate::observability::monitoring;

const BACKLOG: i32 = 4096;
/// Least time for connections to close after the last request has ended: a slow client may still be
/// reading a large response.
const CLOSE_GRACE: Duration = Duration::from_secs(2);
/// Pause after a failed accept, which usually means that no file descriptor is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const TOO_MANY_CONNECTIONS: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\
    content-type: text/plain\r\ncontent-length: 37\r\n\r\nToo many connections. Try again later";

/// Binds an address for [`serve`].
///
/// # Errors
/// The error of the system, for example when the port is in use.
pub fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Serves until `shutdown` resolves, then drains: running requests finish, new ones get 503.
///
/// # Errors
/// The error of the system when a listener can't be used.
pub async fn serve(
    listeners: Vec<std::net::TcpListener>,
    app: Arc<App>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    serve_front_ends(FRONT_ENDS, listeners, app, shutdown).await
}

/// As [`serve`], for these front ends.
///
/// # Errors
/// As [`serve`].
pub(crate) async fn serve_front_ends(
    front_ends: &[&'static dyn FrontEnd],
    listeners: Vec<std::net::TcpListener>,
    app: Arc<App>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let protocols = protocols(front_ends, &app);
    let (stop_accepting, accepting) = watch::channel(None);
    let mut acceptors = JoinSet::new();
    for listener in listeners {
        let (protocols, app) = (Arc::clone(&protocols), Arc::clone(&app));
        let acceptor = Acceptor { listener: TcpListener::from_std(listener)?, protocols, app };
        acceptors.spawn(acceptor.run(accepting.clone()));
    }
    drop(accepting);
    let ticking = tokio::spawn(monitoring::run(Arc::clone(&app)));
    let watching = tokio::spawn(monitoring::watch_memory(Arc::clone(&app)));
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
    Ok(())
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
    let own = front_ends.iter().filter_map(|front_end| front_end.connection_protocol());
    let http2 = Box::new(Http2 { router: Arc::clone(&router) });
    own.chain([http2 as Box<dyn ConnectionProtocol>, Box::new(Http1 { router })]).collect()
}

type Protocols = Arc<[Box<dyn ConnectionProtocol>]>;

/// Accepts connections of one listener.
struct Acceptor {
    listener: TcpListener,
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
                    Ok((stream, peer)) => self.admit(stream, peer.into(), &closing, &mut connections),
                    Err(error) => {
                        tracing::warn!(%error, "can't accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
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
        stream: TcpStream,
        peer: Peer,
        closing: &watch::Receiver<()>,
        connections: &mut JoinSet<()>,
    ) {
        let Ok(permit) = Arc::clone(&self.app.connection_permits).try_acquire_owned() else {
            tracing::warn!(%peer, limit = self.app.settings.max_connections, "too many connections");
            connections.spawn(refuse(stream));
            return;
        };
        let (protocols, app) = (Arc::clone(&self.protocols), Arc::clone(&self.app));
        let closing = closing.clone();
        connections.spawn(async move {
            connection::run(Transport::tcp(stream), peer, protocols, app, closing).await;
            drop(permit);
        });
    }
}

/// Sends 503 because there are too many connections.
async fn refuse(mut stream: TcpStream) {
    let responded = async {
        stream.write_all(TOO_MANY_CONNECTIONS).await?;
        stream.shutdown().await
    };
    // The client may have disconnected already.
    let _ = tokio::time::timeout(CLOSE_GRACE, responded).await;
}
