//! The server's hold on one worker process: a socket and a page of memory.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use parking_lot::Mutex;
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::io::pread;

use crate::body::{Packet, PacketError, Received};
use crate::socket::Socket;

/// Bytes of the page on which the worker notes the number of the batch it has begun.
pub(crate) const NOTE_BYTES: u64 = 8;

/// The server's hold on one worker process.
#[derive(Debug)]
pub struct Link {
    /// The server's end.
    socket: Socket,
    /// Where the worker notes what it has begun; readable after its end, too.
    note: OwnedFd,
    /// The worker's end; closed here once the worker has it.
    worker_end: Mutex<Option<Socket>>,
}

impl Link {
    /// Makes both ends.
    ///
    /// # Errors
    /// The system's.
    pub fn new() -> std::io::Result<Self> {
        let (socket, worker_end) = Socket::pair()?;
        let note = memfd_create("grps-note", MemfdFlags::CLOEXEC)?;
        ftruncate(&note, NOTE_BYTES)?;
        Ok(Self { socket, note, worker_end: Mutex::new(Some(worker_end)) })
    }

    /// The descriptors that the worker inherits: its socket and the page for its notes.
    pub fn worker_descriptors(&self) -> Option<(RawFd, RawFd)> {
        let worker_end = self.worker_end.lock();
        Some((worker_end.as_ref()?.raw(), self.note.as_raw_fd()))
    }

    /// Takes the worker's socket and page, for a worker that gets them as its standard streams or
    /// runs in this process; `None` the second time.
    ///
    /// # Errors
    /// The system's.
    pub fn take_worker_end(&self) -> std::io::Result<Option<(OwnedFd, OwnedFd)>> {
        let Some(worker_end) = self.worker_end.lock().take() else { return Ok(None) };
        Ok(Some((worker_end.into_descriptor(), self.note.try_clone()?)))
    }

    /// Closes the worker's end here, so that the end of the worker is noticed.
    pub fn release_worker_end(&self) {
        self.worker_end.lock().take();
    }

    /// Ends the worker after what it runs: it gets no more packets.
    pub fn close(&self) {
        self.socket.shut_down();
    }

    /// The number of the batch that the worker began last.
    pub(crate) fn begun(&self) -> u64 {
        let mut number = [0; 8];
        // Without the page, nothing counts as begun.
        match pread(&self.note, &mut number, 0) {
            Ok(8) => u64::from_le_bytes(number),
            _ => 0,
        }
    }

    pub(crate) fn send(&self, packet: &Packet) -> Result<(), PacketError> {
        self.socket.send(packet)
    }

    /// Waits for up to `timeout` for a packet; `None` when none has come.
    pub(crate) fn receive(&self, timeout: Duration) -> Result<Option<Received>, PacketError> {
        self.socket.receive(Some(timeout))
    }
}
