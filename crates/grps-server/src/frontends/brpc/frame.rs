//! Reads frames: `PRPC`, the sizes of body and meta, the meta, the payload and the attachment.

use std::future::pending;
use std::io;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use grps_core::Error;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

/// The first bytes of each frame.
pub(super) const MAGIC: &[u8; 4] = b"PRPC";
/// Bytes before the meta.
pub(super) const HEAD_BYTES: usize = 12;
/// Bytes to read ahead.
const AHEAD_BYTES: usize = 16 * 1024;
/// Bytes that are read ahead of frames that have to wait.
const MAX_AHEAD_BYTES: usize = 64 * 1024;
/// Bytes of a body that are reserved before they are read.
const STEP_BYTES: usize = 256 * 1024;
/// Maximum allocation for the announced size of a body; it grows once as many bytes have arrived.
const MAX_RESERVE_BYTES: usize = 16 * 1024 * 1024;
/// How much of a refused body is read and discarded, and for how long.
const MAX_DISCARDED_BYTES: usize = 64 * 1024 * 1024;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a body was not read.
#[derive(Debug)]
pub(super) enum BodyError {
    /// The connection failed.
    Io(io::Error),
    /// Its bytes may not be held.
    Refused(Error),
}

/// Reads the frames of a connection.
#[derive(Debug)]
pub(super) struct FrameReader<R> {
    stream: R,
    /// Bytes that were read and belong to this frame or the next.
    buffer: BytesMut,
    /// Bytes of the frame behind its meta that are not taken yet.
    rest_bytes: usize,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Reads the frames of a stream from its first byte.
    pub(super) fn new(stream: R) -> Self {
        Self { stream, buffer: BytesMut::new(), rest_bytes: 0 }
    }

    /// Whether a frame has begun to arrive.
    pub(super) fn has_begun(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Waits for the first bytes of the next frame; false at the end of the stream. Nothing is lost
    /// when the future is dropped.
    ///
    /// # Errors
    /// Those of the stream.
    pub(super) async fn begin(&mut self) -> io::Result<bool> {
        if self.has_begun() {
            return Ok(true);
        }
        self.buffer.reserve(AHEAD_BYTES);
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }

    /// Reads some bytes before the next frame is wanted, which shows that the client is still there;
    /// false at the end of the stream. It waits for ever once enough bytes have been read. Nothing is
    /// lost when the future is dropped.
    ///
    /// # Errors
    /// Those of the stream.
    pub(super) async fn read_ahead(&mut self) -> io::Result<bool> {
        if self.buffer.len() >= MAX_AHEAD_BYTES {
            return pending().await;
        }
        self.buffer.reserve(AHEAD_BYTES);
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }

    /// Reads the meta of the next frame, and how many bytes follow it.
    ///
    /// # Errors
    /// `InvalidData` for what is no frame or has a meta over the limit; those of the stream.
    pub(super) async fn meta(&mut self, max_bytes: usize) -> io::Result<(Bytes, usize)> {
        self.fill(HEAD_BYTES).await?;
        let mut head = self.buffer.split_to(HEAD_BYTES);
        if !head.starts_with(MAGIC) {
            return Err(malformed("a frame starts with other bytes than PRPC"));
        }
        head.advance(MAGIC.len());
        let (body_bytes, meta_bytes) = (head.get_u32() as usize, head.get_u32() as usize);
        let Some(rest_bytes) = body_bytes.checked_sub(meta_bytes) else {
            return Err(malformed("the meta of a frame is larger than its body"));
        };
        if meta_bytes > max_bytes {
            return Err(malformed("the meta of a frame is larger than limits.max_header_bytes"));
        }
        self.fill(meta_bytes).await?;
        self.rest_bytes = rest_bytes;
        Ok((self.buffer.split_to(meta_bytes).freeze(), rest_bytes))
    }

    /// Reads what follows the meta. `reserve` is called for its bytes before they are read.
    ///
    /// # Errors
    /// See [`BodyError`].
    pub(super) async fn body(
        &mut self,
        reserve: impl Fn(usize) -> Result<(), Error>,
    ) -> Result<Bytes, BodyError> {
        let size = self.rest_bytes;
        let mut reserved = 0;
        while reserved < size {
            let step = STEP_BYTES.min(size - reserved);
            reserve(step).map_err(BodyError::Refused)?;
            reserved += step;
            let wanted = if size <= MAX_RESERVE_BYTES || reserved > MAX_RESERVE_BYTES {
                size
            } else {
                MAX_RESERVE_BYTES
            };
            self.buffer.reserve(wanted.saturating_sub(self.buffer.len()));
            self.fill(reserved).await.map_err(BodyError::Io)?;
        }
        self.rest_bytes = 0;
        let body = self.buffer.split_to(size).freeze();
        if size > AHEAD_BYTES {
            // What is left must not keep the memory of a large body.
            self.buffer = BytesMut::from(&self.buffer[..]);
        }
        Ok(body)
    }

    /// Discards what is left of the frame.
    ///
    /// # Errors
    /// `FileTooLarge` or `TimedOut` when it is too much; those of the stream.
    pub(super) async fn discard(&mut self) -> io::Result<()> {
        if self.rest_bytes > MAX_DISCARDED_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let discarding = async {
            loop {
                let count = self.buffer.len().min(self.rest_bytes);
                self.buffer.advance(count);
                self.rest_bytes -= count;
                if self.rest_bytes == 0 {
                    return Ok(());
                }
                self.read_more(self.rest_bytes).await?;
            }
        };
        timeout(DISCARD_TIMEOUT, discarding).await?
    }

    /// Reads and discards bytes; false at the end of the stream.
    ///
    /// # Errors
    /// Those of the stream.
    pub(super) async fn skip(&mut self) -> io::Result<bool> {
        self.buffer.clear();
        self.begin().await
    }

    /// Reads until so many bytes are in the buffer.
    async fn fill(&mut self, bytes: usize) -> io::Result<()> {
        while self.buffer.len() < bytes {
            let missing = bytes - self.buffer.len();
            self.buffer.reserve(missing);
            self.read_more(missing).await?;
        }
        Ok(())
    }

    /// Reads some bytes, little more than are missing.
    async fn read_more(&mut self, missing: usize) -> io::Result<()> {
        if self.buffer.capacity() == self.buffer.len() {
            self.buffer.reserve(AHEAD_BYTES);
        }
        let most = missing.max(AHEAD_BYTES) as u64;
        if (&mut self.stream).take(most).read_buf(&mut self.buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

/// The error for bytes after which the next frame can't be found.
pub(super) fn malformed(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
