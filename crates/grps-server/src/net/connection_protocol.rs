//! The interface of connection protocols.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::app::App;
use crate::net::peer::Peer;
use crate::net::places::Place;
use crate::net::rewind::Rewind;

/// Whether the first bytes of a connection belong to a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recognition {
    /// They belong to the protocol.
    Yes,
    /// They do not belong to the protocol.
    No,
    /// More bytes are needed.
    NeedsMore,
}

/// One accepted connection.
pub(crate) struct Connection {
    /// The byte stream, from the first byte on.
    pub(crate) stream: Rewind,
    /// The other end of the connection.
    pub(crate) peer: Peer,
    /// What the connection may ask for.
    pub(crate) place: Place,
    /// Timeout for a request head and for an idle connection.
    pub(crate) header_timeout: Duration,
    /// State of the service.
    pub(crate) app: Arc<App>,
    /// The sender is dropped when the connection should finish its requests and close.
    pub(crate) closing: watch::Receiver<()>,
}

/// Serves one connection; resolves when it has ended.
pub(crate) type Serving = Pin<Box<dyn Future<Output = Result<(), ConnectionError>> + Send>>;
/// Why a connection ended abnormally.
pub(crate) type ConnectionError = Box<dyn std::error::Error + Send + Sync>;

/// A protocol of connections, starting with the first byte.
pub(crate) trait ConnectionProtocol: Send + Sync {
    /// The name in logs.
    fn name(&self) -> &'static str;

    /// Whether a connection with these first bytes, at least one, uses the protocol.
    fn recognise(&self, start: &[u8]) -> Recognition;

    /// Serves a connection until it ends.
    fn serve(&self, connection: Connection) -> Serving;
}
