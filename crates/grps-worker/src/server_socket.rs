//! A worker's socket to its server, for batches and for steps.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;

use crate::body::{Blobs, Packet, PacketError, Received};
use crate::socket::Socket;

/// The worker's end; packets are sent whole, so that threads may send at once.
pub(crate) struct ServerSocket {
    socket: Socket,
    /// Set when the server has closed it.
    has_ended: AtomicBool,
}

impl ServerSocket {
    /// The socket that the server has handed over.
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self { socket: Socket::new(socket), has_ended: AtomicBool::new(false) }
    }

    /// Sends a packet. Without a server there is no client to send to.
    pub(crate) fn send(&self, kind: u8, meta: &impl Serialize, blobs: &Blobs<'_>) {
        let sent = Packet::new(kind, meta, blobs).and_then(|packet| self.socket.send(&packet));
        if let Err(error) = sent {
            self.note_end(&error);
        }
    }

    /// Receives a packet; `None` when none comes within `timeout`.
    ///
    /// # Errors
    /// The server has closed the socket, or sent something else.
    pub(crate) fn receive(
        &self,
        timeout: Option<Duration>,
    ) -> Result<Option<Received>, PacketError> {
        self.socket.receive(timeout)
    }

    /// Notes that nothing more comes.
    pub(crate) fn note_end(&self, error: &PacketError) {
        tracing::debug!(%error, "nothing more comes from the server");
        self.has_ended.store(true, Ordering::Release);
    }

    /// Whether nothing more comes.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }
}
