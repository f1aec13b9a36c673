//! Buffers that are written one after the other without being joined.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

/// A list of buffers.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// None of them is empty.
    buffers: VecDeque<Bytes>,
    remaining: usize,
}

impl Buffers {
    /// Adds a buffer to the end.
    pub(super) fn push(&mut self, buffer: Bytes) {
        if !buffer.is_empty() {
            self.remaining += buffer.len();
            self.buffers.push_back(buffer);
        }
    }
}

impl Buf for Buffers {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        self.buffers.front().map_or(&[], Bytes::as_ref)
    }

    fn advance(&mut self, mut count: usize) {
        self.remaining -= count;
        while let Some(first) = self.buffers.front_mut() {
            if count < first.len() {
                first.advance(count);
                return;
            }
            count -= first.len();
            self.buffers.pop_front();
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let pairs = slices.iter_mut().zip(&self.buffers);
        pairs.map(|(slice, buffer)| *slice = IoSlice::new(buffer)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_read_in_order() {
        let mut buffers = Buffers::default();
        for part in ["abc", "", "d", "efgh"] {
            buffers.push(Bytes::from_static(part.as_bytes()));
        }
        let mut slices = [IoSlice::new(&[]); 2];
        assert_eq!(buffers.chunks_vectored(&mut slices), 2);
        assert_eq!((&*slices[0], &*slices[1]), (&b"abc"[..], &b"d"[..]));
        buffers.advance(4);
        assert_eq!((buffers.remaining(), buffers.chunk()), (4, &b"efgh"[..]));
        buffers.advance(1);
        assert_eq!(buffers.copy_to_bytes(3), "fgh");
        assert!(!buffers.has_remaining() && buffers.chunk().is_empty());
    }
}
