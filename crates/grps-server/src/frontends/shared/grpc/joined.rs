//! Joins the frames of a message so that its largest part is aligned.

use bytes::Bytes;

/// Alignment of the part, for every element type and for vector instructions.
const ALIGNMENT: usize = 64;
/// Most bytes that are allocated because a client has announced them.
const MAX_ANNOUNCED: usize = 16 << 20;
/// Most bytes that are copied at once. The C library copies more by one instruction, which some
/// processors run ten times slower when source and destination begin at nearly the same place of a page;
/// frames, which their heads shift a little, often do.
const COPY_BYTES: usize = 2048;

/// Finds where in a message the part begins that must be aligned, from the start of the message;
/// `None` when there is no such part.
pub(crate) type FindPart = fn(&[u8]) -> Option<usize>;

/// A message that arrives in several frames.
pub(super) struct Joined {
    /// The bytes so far, behind some that only fill.
    buffer: Vec<u8>,
    /// How many fill.
    filling: usize,
    /// The length of the whole message.
    length: usize,
    /// Where in the message the part begins.
    part: usize,
}

impl Joined {
    /// A message of `length` bytes, of which the first frame is this one.
    pub(super) fn new(length: usize, first: &[u8], find_part: FindPart) -> Self {
        let mut joined = Self {
            buffer: Vec::new(),
            filling: 0,
            length,
            part: find_part(first).unwrap_or_default(),
        };
        joined.allocate(length.min(MAX_ANNOUNCED.max(first.len())));
        joined.add(first);
        joined
    }

    /// Appends a frame.
    pub(super) fn add(&mut self, frame: &[u8]) {
        if self.buffer.capacity() - self.buffer.len() < frame.len() {
            let old = std::mem::take(&mut self.buffer);
            let filling = self.filling;
            self.allocate(self.length);
            self.copy(old.get(filling..).unwrap_or_default());
        }
        self.copy(frame);
    }

    /// The message.
    pub(super) fn into_bytes(self) -> Bytes {
        let filling = self.filling;
        Bytes::from(self.buffer).split_off(filling)
    }

    fn copy(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(COPY_BYTES) {
            self.buffer.extend_from_slice(piece);
        }
    }

    fn allocate(&mut self, capacity: usize) {
        self.buffer = Vec::with_capacity(capacity + ALIGNMENT);
        let part = self.buffer.as_ptr().addr().wrapping_add(self.part);
        self.filling = part.wrapping_neg() % ALIGNMENT;
        self.buffer.resize(self.filling, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(length: usize, frame: usize, find_part: FindPart) -> (Vec<u8>, Bytes) {
        let message: Vec<u8> = (0..length).map(|index| index as u8).collect();
        let mut frames = message.chunks(frame);
        let mut joined = Joined::new(length, frames.next().unwrap(), find_part);
        frames.for_each(|frame| joined.add(frame));
        (message, joined.into_bytes())
    }

    #[test]
    fn frames_are_joined_with_the_part_aligned() {
        for (length, frame) in [(1, 1), (100, 7), (100_000, 16_384)] {
            for find_part in [(|_| None) as FindPart, |_| Some(0), |_| Some(13), |_| Some(64)] {
                let (message, bytes) = joined(length, frame, find_part);
                assert_eq!(bytes, message);
                let part = find_part(&message).unwrap_or_default();
                assert!((bytes.as_ptr().addr() + part).is_multiple_of(ALIGNMENT));
            }
        }
    }

    #[test]
    fn a_message_larger_than_is_allocated_at_once_stays_aligned() {
        let length = MAX_ANNOUNCED + 100_000;
        let (message, bytes) = joined(length, 1 << 20, |_| Some(5));
        assert!(bytes == message && (bytes.as_ptr().addr() + 5).is_multiple_of(ALIGNMENT));
    }

    #[test]
    fn what_is_only_announced_is_not_allocated() {
        let joined = Joined::new(usize::MAX / 2, &[1, 2], |_| None);
        assert!(joined.buffer.capacity() <= MAX_ANNOUNCED + ALIGNMENT);
        assert_eq!(joined.into_bytes()[..], [1, 2]);
    }
}
