//! One accepted connection: detects its protocol and serves it until it ends.

use std::sync::Arc;

use tokio::sync::watch;

use crate::app::App;
use crate::net::connection_protocol::{Connection, ConnectionProtocol};
use crate::net::peer::Peer;
use crate::net::rewind::Rewind;
use crate::net::sniff::sniff;
use crate::net::transport::Transport;

/// Serves a connection until it ends or `closing` loses its sender.
pub(crate) async fn run(
    mut transport: Transport,
    peer: Peer,
    protocols: Arc<[Box<dyn ConnectionProtocol>]>,
    app: Arc<App>,
    mut closing: watch::Receiver<()>,
) {
    let sniffing = sniff(&mut transport, &protocols);
    let sniffed = tokio::select! {
        sniffed = tokio::time::timeout(app.settings.header_timeout, sniffing) => sniffed,
        _ = closing.changed() => return,
    };
    // A client that disconnected or sent nothing has made no request, so it gets no response.
    let Ok(Ok((protocol, start))) = sniffed else { return };
    let stream = Rewind::new(start, transport);
    if let Err(error) =
        protocol.serve(Connection { stream, peer: peer.clone(), app, closing }).await
    {
        tracing::debug!(%peer, protocol = protocol.name(), %error, "connection ended");
    }
}
