//! The TLS of a service: its handshakes, and the reload of its certificates.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::net::tls::files::{FileStamp, TlsFiles};

/// How often the files are looked at.
const WATCH_INTERVAL: Duration = Duration::from_secs(5);

/// The TLS of a service; clones share it.
#[derive(Clone, Debug)]
pub struct Tls(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    files: TlsFiles,
    /// What the next handshake uses; connections keep what they began with.
    config: RwLock<Arc<ServerConfig>>,
    /// The files as they were when they were read.
    stamps: Mutex<Vec<Option<FileStamp>>>,
}

impl Tls {
    /// Reads the certificates and keys of a service.
    ///
    /// # Errors
    /// The configuration key, the file and what is wrong with it.
    pub fn load(files: TlsFiles) -> Result<Self, String> {
        // Before the files are read: a change in between is seen as one.
        let stamps = Mutex::new(files.stamps());
        let config = RwLock::new(Arc::new(files.load()?));
        Ok(Self(Arc::new(Shared { files, config, stamps })))
    }

    /// Does the handshake of a connection. The caller limits its time.
    ///
    /// # Errors
    /// What the client did wrong, such as a certificate of an unknown authority.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let config = Arc::clone(&self.0.config.read());
        TlsAcceptor::from(config).accept(stream).await
    }

    /// Reads the files again whenever they have changed, and at each SIGHUP.
    pub(crate) async fn watch(self) {
        let mut hangups = match signal(SignalKind::hangup()) {
            Ok(hangups) => hangups,
            Err(error) => {
                tracing::warn!(%error, "SIGHUP does not reload certificates");
                return self.watch_files().await;
            }
        };
        tokio::select! {
            () = self.watch_files() => {}
            () = async {
                while hangups.recv().await.is_some() {
                    self.reload();
                }
            } => {}
        }
    }

    async fn watch_files(&self) {
        let mut ticks = interval(WATCH_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if *self.0.stamps.lock() != self.0.files.stamps() {
                self.reload();
            }
        }
    }

    /// Reads the files again; what can't be used is logged, and what was read before stays in use.
    fn reload(&self) {
        *self.0.stamps.lock() = self.0.files.stamps();
        match self.0.files.load() {
            Ok(config) => {
                *self.0.config.write() = Arc::new(config);
                tracing::info!("the certificates of interface.tls were read again");
            }
            Err(error) => {
                tracing::error!(error, "the certificates can't be used; the earlier ones stay");
            }
        }
    }
}
