//! The sockets and the page of memory that server and worker share.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::io::{pread, retry_on_intr};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown, SocketFlags, SocketType,
    recvmsg, sendmsg, shutdown, socketpair,
};

use crate::body::{HEADER, MOST_INLINE, Packet, PacketError, Received, malformed};

/// Bytes of the page on which the worker notes the number of the batch it has begun.
const NOTE_BYTES: u64 = 8;

/// The server's hold on one worker process.
#[derive(Debug)]
pub struct Link {
    socket: OwnedFd,
    /// Where the worker notes what it has begun; readable after its end, too.
    note: OwnedFd,
    /// The worker's end; closed here once the worker has it.
    worker_end: Mutex<Option<OwnedFd>>,
}

impl Link {
    /// Makes both ends.
    ///
    /// # Errors
    /// What the system says.
    pub fn new() -> std::io::Result<Self> {
        let (socket, worker_end) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        let note = memfd_create("grps-note", MemfdFlags::CLOEXEC)?;
        ftruncate(&note, NOTE_BYTES)?;
        Ok(Self { socket, note, worker_end: Mutex::new(Some(worker_end)) })
    }

    /// The descriptors that the worker inherits: its socket and the page for its notes.
    pub fn worker_descriptors(&self) -> Option<(RawFd, RawFd)> {
        let worker_end = self.worker_end.lock();
        Some((worker_end.as_ref()?.as_raw_fd(), self.note.as_raw_fd()))
    }

    /// Closes the worker's end here, so that its end is noticed.
    pub fn release_worker_end(&self) {
        self.worker_end.lock().take();
    }

    /// Lets the worker end after what it runs: it gets no more packets.
    pub fn close(&self) {
        // A socket that is closed already is what is wanted.
        let _ = shutdown(&self.socket, Shutdown::Both);
    }

    /// The number of the batch that the worker began last.
    pub(crate) fn begun(&self) -> u64 {
        let mut number = [0; 8];
        // A page that can't be read tells nothing: then nothing counts as begun.
        match pread(&self.note, &mut number, 0) {
            Ok(8) => u64::from_le_bytes(number),
            _ => 0,
        }
    }

    pub(crate) fn send(&self, packet: &Packet) -> Result<(), PacketError> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let file = packet.file.as_ref().map(|file| [file.as_fd()]);
        if let Some(file) = &file
            && !control.push(SendAncillaryMessage::ScmRights(file))
        {
            return Err(malformed("no room for a descriptor"));
        }
        let parts = [IoSlice::new(&packet.bytes)];
        retry_on_intr(|| sendmsg(&self.socket, &parts, &mut control, SendFlags::NOSIGNAL))?;
        Ok(())
    }

    /// Waits for up to `patience` for a packet; `None` when none has come.
    pub(crate) fn receive(&self, patience: Duration) -> Result<Option<Received>, PacketError> {
        let timeout = Timespec {
            tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: patience.subsec_nanos().into(),
        };
        let mut waited = [PollFd::new(&self.socket, PollFlags::IN)];
        if retry_on_intr(|| poll(&mut waited, Some(&timeout)))? == 0 {
            return Ok(None);
        }
        let mut bytes = vec![0; HEADER + MOST_INLINE];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let received = retry_on_intr(|| {
            recvmsg(&self.socket, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)
        })?;
        let mut files = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                files.extend(descriptors);
            }
        }
        if received.bytes == 0 {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
        }
        if received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) || files.len() > 1 {
            return Err(malformed("a packet is too large"));
        }
        Received::new(bytes.get(..received.bytes).unwrap_or_default(), files.pop()).map(Some)
    }
}
