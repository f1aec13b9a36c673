//! One accepted connection: detects its protocol and serves it until it ends.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::app::App;
use crate::net::accept::establish::establish;
use crate::net::connection_protocol::{Connection, ConnectionProtocol};
use crate::net::listener::CLOSE_GRACE;
use crate::net::peer::Peer;
use crate::net::places::{Permit, Place};
use crate::net::rewind::Rewind;
use crate::net::sniff::sniff;
use crate::net::transport::Transport;

/// Timeout for the head of a request on a connection with a reserved place.
const RESERVED_HEADER_TIMEOUT: Duration = Duration::from_secs(1);
/// Maximum lifetime of a connection with a reserved place.
const RESERVED_LIFETIME: Duration = Duration::from_secs(5);
const TOO_MANY_CONNECTIONS: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\
    content-type: text/plain\r\ncontent-length: 37\r\n\r\nToo many connections. Try again later";

/// Serves a connection until it ends or `closing` loses its sender.
pub(crate) async fn run(
    mut transport: Transport,
    mut peer: Peer,
    mut permit: Permit,
    protocols: Arc<[Box<dyn ConnectionProtocol>]>,
    app: Arc<App>,
    mut closing: watch::Receiver<()>,
) {
    let place = permit.place();
    let header_timeout = match place {
        Place::Ordinary => app.settings.header_timeout,
        Place::Reserved => app.settings.header_timeout.min(RESERVED_HEADER_TIMEOUT),
    };
    let sniffing = async {
        let established = establish(&mut transport, &mut peer, &app.settings.interface).await;
        established.inspect_err(|error| note_refusal(&app, &peer, error))?;
        sniff(&mut transport, &protocols).await
    };
    let sniffed = tokio::select! {
        sniffed = timeout(header_timeout, sniffing) => sniffed.ok(),
        () = permit.evicted() => None,
        _ = closing.changed() => return,
    };
    let Some(Ok((protocol, start))) = sniffed else {
        // A client that disconnected or sent nothing has made no request, so it gets no response.
        if place == Place::Reserved {
            refuse(transport).await;
        }
        return;
    };
    let stream = Rewind::new(start, transport);
    let (of_connection, its_app) = (peer.clone(), Arc::clone(&app));
    let serving = protocol.serve(Connection {
        stream,
        peer: of_connection,
        place,
        header_timeout,
        app: its_app,
        closing,
    });
    let served = match place {
        Place::Ordinary => serving.await,
        Place::Reserved => tokio::select! {
            served = timeout(RESERVED_LIFETIME, serving) => served.unwrap_or(Ok(())),
            () = permit.evicted() => Ok(()),
        },
    };
    if let Err(error) = served {
        if is_timeout(&*error) {
            app.note_stall(&peer);
        }
        tracing::debug!(%peer, protocol = protocol.name(), %error, "connection ended");
    }
}

/// Logs what was wrong with the start of a connection, unless its client just went away.
fn note_refusal(app: &App, peer: &Peer, error: &io::Error) {
    let is_fault = matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::Other);
    if is_fault && let Some(left_out) = app.refusal_log.admit() {
        tracing::warn!(%peer, %error, left_out, "a connection was refused");
    }
}

/// Whether a connection ended because its client took nothing of what was written.
fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let io = error.downcast_ref::<io::Error>();
        if io.is_some_and(|io| io.kind() == io::ErrorKind::TimedOut) {
            return true;
        }
        next = error.source();
    }
    false
}

/// Sends 503 because there are too many connections.
async fn refuse(mut transport: Transport) {
    let responded = async {
        transport.write_all(TOO_MANY_CONNECTIONS).await?;
        transport.shutdown().await
    };
    // The client may have disconnected already.
    let _ = timeout(CLOSE_GRACE, responded).await;
}
