//! What a protocol of connections is to the listener.

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::watch;

use crate::app::App;
use crate::net::peer::Peer;
use crate::net::rewind::Rewind;

/// Whether the first bytes of a connection are those of a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recognition {
    /// They are.
    Yes,
    /// They can't be.
    No,
    /// They are a prefix of what would decide.
    NeedsMore,
}

/// One accepted connection.
pub(crate) struct Connection {
    /// What is read and written, from the first byte on.
    pub(crate) stream: Rewind,
    /// The other end.
    pub(crate) peer: Peer,
    /// What all connections share.
    pub(crate) app: Arc<App>,
    /// Loses its sender when the connection should finish what runs and close.
    pub(crate) closing: watch::Receiver<()>,
}

/// The serving of one connection; resolves when it has ended, with what broke it.
pub(crate) type Serving = Pin<Box<dyn Future<Output = Result<(), Broken>> + Send>>;
/// Why a connection did not end in an orderly way.
pub(crate) type Broken = Box<dyn std::error::Error + Send + Sync>;

/// A protocol that connections speak from their first byte on.
pub(crate) trait ConnectionProtocol: Send + Sync {
    /// Its name in logs.
    fn name(&self) -> &'static str;

    /// Whether a connection that starts with these bytes, at least one, speaks it.
    fn recognise(&self, start: &[u8]) -> Recognition;

    /// Serves a connection until it ends.
    fn serve(&self, connection: Connection) -> Serving;
}
