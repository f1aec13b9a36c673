//! One accepted connection: detects its protocol and serves it until it ends.

use std::sync::Arc;

use tokio::sync::watch;

use crate::app::App;
use crate::net::connection_protocol::{Connection, ConnectionProtocol};
use crate::net::http1::Http1;
use crate::net::http2::Http2;
use crate::net::peer::Peer;
use crate::net::rewind::Rewind;
use crate::net::sniff::sniff;
use crate::net::transport::Transport;

/// Serves a connection until it ends or `closing` loses its sender.
pub(crate) async fn run(
    mut transport: Transport,
    peer: Peer,
    app: Arc<App>,
    mut closing: watch::Receiver<()>,
) {
    let front_ends = app.front_ends.iter().filter_map(|front_end| front_end.connection_protocol());
    let protocols: Vec<&dyn ConnectionProtocol> =
        front_ends.chain([&Http2 as _, &Http1 as _]).collect();
    let sniffing =
        tokio::time::timeout(app.settings.header_timeout, sniff(&mut transport, &protocols));
    let sniffed = tokio::select! {
        sniffed = sniffing => sniffed,
        _ = closing.changed() => return,
    };
    // A client that disconnected or sent nothing has made no request, so it gets no response.
    let Ok(Ok((protocol, start))) = sniffed else { return };
    let stream = Rewind::new(start, transport);
    let connection = Connection { stream, peer: peer.clone(), app: Arc::clone(&app), closing };
    if let Err(error) = protocol.serve(connection).await {
        tracing::debug!(%peer, protocol = protocol.name(), %error, "connection ended");
    }
}
