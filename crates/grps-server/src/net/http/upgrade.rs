//! Connections whose protocol a request changes: HTTP/1.1 ends, and another protocol goes on.

use std::pin::Pin;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

/// Serves a connection after HTTP has ended on it.
type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where a request leaves what goes on with its connection; the connection keeps its place and its
/// part in the end of the service. It is an extension of each request that asks for an upgrade.
#[derive(Clone)]
pub(crate) struct UpgradeSlot {
    serving: Arc<Mutex<Option<Serving>>>,
    /// The sender is dropped when the connection should finish its requests and close.
    closing: watch::Receiver<()>,
}

impl UpgradeSlot {
    /// A slot of a connection.
    pub(crate) fn new(closing: watch::Receiver<()>) -> Self {
        Self { serving: Arc::default(), closing }
    }

    /// Leaves what serves the connection once the response has been written.
    pub(crate) fn put(&self, serving: impl Future<Output = ()> + Send + 'static) {
        *self.serving.lock() = Some(Box::pin(serving));
    }

    /// Tells when the connection should close.
    pub(crate) fn closing(&self) -> watch::Receiver<()> {
        self.closing.clone()
    }

    /// Serves the connection if a request has changed its protocol.
    pub(crate) async fn serve(&self) {
        let serving = self.serving.lock().take();
        if let Some(serving) = serving {
            serving.await;
        }
    }
}
