//! One end of the socket between server and worker: it carries whole packets.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown, SocketFlags, SocketType,
    recvmsg, sendmsg, shutdown, socketpair,
};

use crate::body::{HEADER, MOST_INLINE, Packet, PacketError, Received, malformed};

/// One end of the socket.
#[derive(Debug)]
pub(crate) struct Socket(OwnedFd);

impl Socket {
    /// Both ends.
    pub(crate) fn pair() -> std::io::Result<(Self, Self)> {
        let flags = SocketFlags::CLOEXEC;
        let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        Ok((Self(one), Self(other)))
    }

    /// An end that this process has inherited.
    pub(crate) fn new(descriptor: OwnedFd) -> Self {
        Self(descriptor)
    }

    /// The descriptor, for a child process that inherits it.
    pub(crate) fn raw(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// The descriptor itself.
    pub(crate) fn into_descriptor(self) -> OwnedFd {
        self.0
    }

    /// Ends both directions: the other end receives nothing more.
    pub(crate) fn shut_down(&self) {
        // A socket that is closed already needs nothing.
        let _ = shutdown(&self.0, Shutdown::Both);
    }

    /// Sends a packet.
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
        retry_on_intr(|| sendmsg(&self.0, &parts, &mut control, SendFlags::NOSIGNAL))?;
        Ok(())
    }

    /// Waits for up to `timeout`, `None` for no limit, for a packet; `None` when none has come.
    pub(crate) fn receive(
        &self,
        timeout: Option<Duration>,
    ) -> Result<Option<Received>, PacketError> {
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        });
        let mut waited = [PollFd::new(&self.0, PollFlags::IN)];
        if retry_on_intr(|| poll(&mut waited, timeout.as_ref()))? == 0 {
            return Ok(None);
        }
        let mut bytes = vec![0; HEADER + MOST_INLINE];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let received =
            retry_on_intr(|| recvmsg(&self.0, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC))?;
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
