//! What is seen of a response while it comes.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use crate::exchange::failure::{Class, Failure};

/// Most gaps between chunks that one response adds.
const MOST_GAPS: usize = 1_000_000;

/// The measurements of one response.
#[derive(Debug)]
pub(crate) struct Watch {
    /// Most bytes.
    most_bytes: usize,
    /// Bytes of the body so far.
    pub(crate) bytes: usize,
    /// When the first chunk came.
    pub(crate) first: Option<Instant>,
    /// When the latest chunk came.
    last: Option<Instant>,
    /// Times between chunks.
    pub(crate) gaps: Vec<Duration>,
    /// Chunks of a stream.
    pub(crate) chunks: u64,
    /// Tokens that the server counts.
    pub(crate) tokens: u64,
    /// The contents of the response, if they are wanted.
    kept: Option<BytesMut>,
}

impl Watch {
    pub(crate) fn new(most_bytes: usize) -> Self {
        Self {
            most_bytes,
            bytes: 0,
            first: None,
            last: None,
            gaps: Vec::new(),
            chunks: 0,
            tokens: 0,
            kept: None,
        }
    }

    /// Also keeps the contents of the response: the body of HTTP, the messages of gRPC without their
    /// heads.
    pub(crate) fn keeping(self) -> Self {
        Self { kept: Some(BytesMut::new()), ..self }
    }

    /// Keeps contents, if they are wanted.
    pub(crate) fn keep(&mut self, contents: &[u8]) {
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(contents);
        }
    }

    /// Takes what was kept.
    pub(crate) fn take_kept(&mut self) -> Bytes {
        self.kept.take().unwrap_or_default().freeze()
    }

    /// Counts bytes of the body.
    ///
    /// # Errors
    ///
    /// They are more than the limit.
    pub(crate) fn add_bytes(&mut self, bytes: usize) -> Result<(), Failure> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes <= self.most_bytes {
            return Ok(());
        }
        let most = self.most_bytes;
        Err(Failure::new(Class::TooLarge, format!("the response has more than {most} bytes")))
    }

    /// Counts a chunk that came at an instant.
    pub(crate) fn add_chunk(&mut self, now: Instant) {
        self.chunks += 1;
        match self.last {
            None => self.first = Some(now),
            Some(last) if self.gaps.len() < MOST_GAPS => {
                self.gaps.push(now.saturating_duration_since(last));
            }
            Some(_) => {}
        }
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_allowed_up_to_the_limit() {
        let mut watch = Watch::new(10);
        assert!(watch.add_bytes(4).is_ok());
        assert!(watch.add_bytes(6).is_ok());
        assert_eq!(watch.add_bytes(1).unwrap_err().class, Class::TooLarge);
    }

    #[test]
    fn a_gap_is_between_two_chunks() {
        let start = Instant::now();
        let mut watch = Watch::new(10);
        for at in [5, 8, 18] {
            watch.add_chunk(start + Duration::from_millis(at));
        }
        assert_eq!(watch.first, Some(start + Duration::from_millis(5)));
        assert_eq!(watch.gaps, [Duration::from_millis(3), Duration::from_millis(10)]);
        assert_eq!(watch.chunks, 3);
    }
}
