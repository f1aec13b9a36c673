//! Packets: a header, and a body inside the packet or in a file in memory that goes with it.
//!
//! A body is the length of its description (u32, little-endian), the description, and the data at
//! the next multiple of [`ALIGNMENT`]; blobs in the data begin at such multiples as well.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fstat, ftruncate, memfd_create};
use rustix::io::{pread, pwrite};
use serde::{Deserialize, Serialize};

use crate::meta::Blob;

/// Bytes of a header: kind, whether a file goes with it, six unused, length of the body (u64).
pub(crate) const HEADER: usize = 16;
/// Largest body that travels inside its packet.
pub(crate) const MOST_INLINE: usize = 32 << 10;
/// Where blobs begin.
pub(crate) const ALIGNMENT: usize = 64;
/// Longest description that is read; strings are part of it. The worker refuses longer ones, too.
const MOST_META: usize = 1 << 30;
/// Largest body that is read.
const MOST_BODY: u64 = 1 << 40;

/// Why a packet can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PacketError {
    /// The other side is gone, or the system refused.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The worker has sent nothing for the maximum time.
    #[error(
        "it hangs: it has worked for {} s without a sign of life (health.hang_timeout_ms)",
        .0.as_secs()
    )]
    Hangs(Duration),
    /// The other side broke the protocol.
    #[error("the worker broke the protocol: {0}")]
    Malformed(String),
}

impl From<rustix::io::Errno> for PacketError {
    fn from(error: rustix::io::Errno) -> Self {
        Self::Io(error.into())
    }
}

pub(crate) fn malformed(text: impl Into<String>) -> PacketError {
    PacketError::Malformed(text.into())
}

/// Bytes that a body holds besides its description.
#[derive(Debug, Default)]
pub(crate) struct Blobs<'a> {
    parts: Vec<&'a [u8]>,
    length: usize,
}

impl<'a> Blobs<'a> {
    /// Adds bytes and tells where they will lie.
    pub(crate) fn add(&mut self, bytes: &'a [u8]) -> Blob {
        let place = (self.length as u64, bytes.len() as u64);
        self.parts.push(bytes);
        self.length = aligned(self.length + bytes.len());
        place
    }
}

/// A packet that is ready to be sent.
pub(crate) struct Packet {
    pub(crate) bytes: Vec<u8>,
    pub(crate) file: Option<OwnedFd>,
}

impl Packet {
    /// Lays out a packet.
    pub(crate) fn new(
        kind: u8,
        meta: &impl Serialize,
        blobs: &Blobs<'_>,
    ) -> Result<Self, PacketError> {
        let meta = rmp_serde::to_vec(meta).map_err(|error| malformed(error.to_string()))?;
        let meta_length = u32::try_from(meta.len()).map_err(|_| malformed("too much to tell"))?;
        let start = aligned(4 + meta.len());
        let length = start + blobs.length;
        let inline = length <= MOST_INLINE;
        let mut bytes = Vec::with_capacity(HEADER + if inline { length } else { start });
        bytes.extend_from_slice(&[kind, u8::from(!inline), 0, 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(&(length as u64).to_le_bytes());
        bytes.extend_from_slice(&meta_length.to_le_bytes());
        bytes.extend_from_slice(&meta);
        bytes.resize(HEADER + start, 0);
        if inline {
            for part in &blobs.parts {
                bytes.extend_from_slice(part);
                bytes.resize(HEADER + start + aligned(bytes.len() - HEADER - start), 0);
            }
            return Ok(Self { bytes, file: None });
        }
        let file = memfd_create("grps", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&file, length as u64)?;
        write_at(&file, bytes.get(HEADER..).unwrap_or_default(), 0)?;
        let mut at = start;
        for part in &blobs.parts {
            write_at(&file, part, at as u64)?;
            at = aligned(at + part.len());
        }
        // What the worker maps must neither change nor end under it.
        fcntl_add_seals(
            &file,
            SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL,
        )?;
        bytes.truncate(HEADER);
        Ok(Self { bytes, file: Some(file) })
    }
}

/// A packet that has come.
pub(crate) struct Received {
    pub(crate) kind: u8,
    source: Source,
    meta: Vec<u8>,
    /// Where the data begins, and how long it is.
    data: (u64, u64),
}

enum Source {
    Inline(Vec<u8>),
    File(OwnedFd),
}

impl Received {
    /// Takes a packet apart.
    pub(crate) fn new(bytes: &[u8], file: Option<OwnedFd>) -> Result<Self, PacketError> {
        let (header, inline) =
            bytes.split_at_checked(HEADER).ok_or_else(|| malformed("a packet is too short"))?;
        let kind = header.first().copied().unwrap_or_default();
        let told = header.get(8..).and_then(|length| length.try_into().ok());
        let length = u64::from_le_bytes(told.unwrap_or_default());
        let source = match file {
            Some(file) => {
                let size = u64::try_from(fstat(&file)?.st_size).unwrap_or_default();
                if length > size || length > MOST_BODY {
                    return Err(malformed(format!("a body of {length} bytes in {size}")));
                }
                Source::File(file)
            }
            None if length == inline.len() as u64 => Source::Inline(inline.to_vec()),
            None => {
                let got = inline.len();
                return Err(malformed(format!("a body of {length} bytes in {got}")));
            }
        };
        let mut received = Self { kind, source, meta: Vec::new(), data: (0, length) };
        let mut meta_length = [0; 4];
        received.read((0, 4), &mut meta_length)?;
        let meta_length = u32::from_le_bytes(meta_length) as usize;
        if meta_length > MOST_META {
            return Err(malformed(format!("a description of {meta_length} bytes")));
        }
        let mut meta = vec![0; meta_length.min(usize::try_from(length).unwrap_or(usize::MAX))];
        received.read((4, meta_length as u64), &mut meta)?;
        received.meta = meta;
        let start = aligned(4 + meta_length) as u64;
        received.data = (start, length.saturating_sub(start));
        Ok(received)
    }

    /// The description.
    pub(crate) fn meta<'a, T: Deserialize<'a>>(&'a self) -> Result<T, PacketError> {
        rmp_serde::from_slice(&self.meta).map_err(|error| malformed(error.to_string()))
    }

    /// Copies a blob, which must be as long as the target.
    pub(crate) fn read(
        &self,
        (offset, length): Blob,
        target: &mut [u8],
    ) -> Result<(), PacketError> {
        let (start, whole) = self.data;
        let fits = offset.checked_add(length).is_some_and(|end| end <= whole);
        if !fits || length != target.len() as u64 {
            return Err(malformed(format!("{length} bytes at {offset} of {whole}")));
        }
        let at = start + offset;
        match &self.source {
            Source::File(file) => Ok(read_at(file, target, at)?),
            Source::Inline(bytes) => {
                let from = usize::try_from(at).ok();
                let found = from.and_then(|from| bytes.get(from..)?.get(..target.len()));
                target.copy_from_slice(found.ok_or_else(|| malformed("bytes beyond the body"))?);
                Ok(())
            }
        }
    }

    /// A blob.
    pub(crate) fn blob(&self, blob: Blob) -> Result<Vec<u8>, PacketError> {
        // Checked before memory is taken for it.
        let length = usize::try_from(blob.1.min(self.data.1)).unwrap_or_default();
        let mut bytes = vec![0; length];
        self.read(blob, &mut bytes)?;
        Ok(bytes)
    }

    /// How long the data is.
    pub(crate) fn data_length(&self) -> u64 {
        self.data.1
    }
}

fn aligned(length: usize) -> usize {
    length.next_multiple_of(ALIGNMENT)
}

fn write_at(file: &OwnedFd, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = pwrite(file, bytes, offset)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = bytes.get(written..).unwrap_or_default();
        offset += written as u64;
    }
    Ok(())
}

fn read_at(file: &OwnedFd, target: &mut [u8], mut offset: u64) -> io::Result<()> {
    let mut done = 0;
    while let Some(rest) = target.get_mut(done..).filter(|rest| !rest.is_empty()) {
        let read = pread(file, rest, offset)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        done += read;
        offset += read as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pass_on(packet: Packet) -> Received {
        Received::new(&packet.bytes, packet.file).unwrap()
    }

    #[test]
    fn bodies_are_the_same_inside_a_packet_and_in_a_file() {
        for length in [0, 1, ALIGNMENT, 1000, MOST_INLINE, 1 << 20] {
            let (first, second) = (vec![7u8; length], vec![9u8; 3]);
            let mut blobs = Blobs::default();
            let places = [blobs.add(&first), blobs.add(&second)];
            let packet = Packet::new(3, &(length as u64, "text"), &blobs).unwrap();
            assert_eq!(packet.file.is_some(), length >= MOST_INLINE);
            let received = pass_on(packet);
            assert_eq!(received.kind, 3);
            let told: (u64, String) = received.meta().unwrap();
            assert_eq!(told, (length as u64, "text".to_owned()));
            assert_eq!(received.blob(places[0]).unwrap(), first);
            assert_eq!(received.blob(places[1]).unwrap(), second);
            let end = received.data_length();
            assert!(received.blob((end, 1)).is_err());
            assert!(received.blob((end, 0)).is_ok());
            assert!(received.blob((u64::MAX, 2)).is_err());
            assert!(received.blob((0, u64::MAX)).is_err());
        }
    }

    #[test]
    fn a_file_shorter_than_its_body_is_refused() {
        let long = vec![1u8; MOST_INLINE + 1];
        let mut blobs = Blobs::default();
        blobs.add(&long);
        let packet = Packet::new(1, &(), &blobs).unwrap();
        let mut bytes = packet.bytes;
        bytes[8..16].copy_from_slice(&(1u64 << 30).to_le_bytes());
        assert!(matches!(Received::new(&bytes, packet.file), Err(PacketError::Malformed(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_packet_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(received) = Received::new(&bytes, None) {
                let _ = received.meta::<(u64, Vec<String>)>();
                let _ = received.blob((0, received.data_length()));
            }
        }
    }
}
