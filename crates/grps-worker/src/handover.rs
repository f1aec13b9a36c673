//! How a worker gets its socket and its page: over another socket that it was started with.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::retry_on_intr;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use crate::body::{PacketError, malformed};
use crate::link::Link;

/// The byte that the descriptors go with.
const MARK: u8 = b'g';

impl Link {
    /// Sends the worker's socket and page over a stream that the worker was started with, and closes
    /// them here, so that the end of the worker is noticed.
    ///
    /// # Errors
    /// The stream is closed, or the worker has them already.
    pub fn hand_over(&self, stream: impl AsFd) -> Result<(), PacketError> {
        let Some((socket, note)) = self.take_worker_end()? else {
            return Err(malformed("the worker has its descriptors already"));
        };
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors = [socket.as_fd(), note.as_fd()];
        if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            return Err(malformed("no room for two descriptors"));
        }
        let parts = [IoSlice::new(&[MARK])];
        retry_on_intr(|| sendmsg(&stream, &parts, &mut control, SendFlags::NOSIGNAL))?;
        Ok(())
    }
}

/// What a worker has of its server: the socket of packets, and the page for notes.
#[derive(Debug)]
pub struct WorkerEnd {
    /// Packets come and go by it.
    pub socket: OwnedFd,
    /// The number of what is begun is written here.
    pub note: OwnedFd,
}

impl WorkerEnd {
    /// Receives what [`Link::hand_over`] sends. What follows on the stream is left there.
    ///
    /// # Errors
    /// The stream is closed or is no socket, or something else was sent.
    pub fn take_over(stream: impl AsFd) -> Result<Self, PacketError> {
        let mut byte = [0];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut byte)];
        retry_on_intr(|| recvmsg(&stream, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC))?;
        let mut descriptors = Vec::<OwnedFd>::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = message {
                descriptors.extend(received);
            }
        }
        match <[OwnedFd; 2]>::try_from(descriptors) {
            Ok([socket, note]) => Ok(Self { socket, note }),
            Err(_) => Err(malformed("a worker gets two descriptors from its server")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use grps_core::BatchSource;

    use super::*;
    use crate::worker_channel::WorkerChannel;

    #[test]
    fn a_worker_gets_its_end_once() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let link = Link::new().unwrap();
        link.hand_over(&ours).unwrap();
        assert!(link.hand_over(&ours).is_err());
        let mut channel = WorkerChannel::new(WorkerEnd::take_over(&theirs).unwrap());
        drop(ours);
        assert_eq!(theirs.read(&mut [0]).unwrap(), 0);
        link.close();
        assert!(channel.next().is_none());
    }

    #[test]
    fn a_stream_without_descriptors_is_refused() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(ours);
        assert!(WorkerEnd::take_over(&theirs).is_err());
        assert!(WorkerEnd::take_over(std::fs::File::open("/dev/null").unwrap()).is_err());
    }
}
