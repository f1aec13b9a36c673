//! Records that are to be written to a file.

use std::io::{self, Write};

/// Records that are to be written to a file.
#[derive(Default)]
pub(super) struct Pending {
    bytes: Vec<u8>,
    /// Where each record ends.
    ends: Vec<usize>,
    /// Bytes before the first record.
    head: usize,
}

/// What was written of them.
#[derive(Debug)]
pub(super) struct Done {
    /// Bytes of the head and of whole records.
    pub(super) bytes: u64,
    /// Whole records.
    pub(super) records: u64,
    /// The others.
    pub(super) lost: u64,
    /// Why.
    pub(super) failure: Option<io::Error>,
}

impl Pending {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds what a file begins with.
    pub(super) fn push_head(&mut self, head: &[u8]) {
        self.bytes.extend_from_slice(head);
        self.head = self.bytes.len();
    }

    /// Adds a record.
    pub(super) fn push(&mut self, record: &[u8]) {
        self.bytes.extend_from_slice(record);
        self.ends.push(self.bytes.len());
    }

    /// Writes all, as far as it can be written; nothing is pending afterwards.
    pub(super) fn write(&mut self, to: &mut impl Write) -> Done {
        let (mut written, mut failure) = (0, None);
        while let Some(rest) = self.bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match to.write(rest) {
                Ok(0) => failure = Some(io::ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => failure = Some(error),
            }
            if failure.is_some() {
                break;
            }
        }
        let whole = self.ends.iter().take_while(|end| **end <= written).count();
        let head = if written < self.head { 0 } else { self.head };
        let bytes =
            whole.checked_sub(1).and_then(|last| self.ends.get(last)).map_or(head, |end| *end);
        let lost = (self.ends.len() - whole) as u64;
        *self = Self::default();
        Done { bytes: bytes as u64, records: whole as u64, lost, failure }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A disk with room for so many bytes.
    struct Disk(usize);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            // In small parts.
            let count = bytes.len().min(self.0).min(7);
            self.0 -= count;
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    proptest! {
        #[test]
        fn whole_records_count_and_no_others(
            lengths in prop::collection::vec(1usize..40, 0..10),
            room in 0usize..300,
        ) {
            let mut pending = Pending::default();
            pending.push_head(b"12345678");
            lengths.iter().for_each(|length| pending.push(&vec![1; *length]));
            let all = pending.len();
            let done = pending.write(&mut Disk(room));
            prop_assert_eq!(done.failure.is_some(), room < all);
            prop_assert_eq!(done.records + done.lost, lengths.len() as u64);
            let count = usize::try_from(done.records).unwrap();
            let bytes = 8 + lengths.iter().take(count).sum::<usize>();
            prop_assert_eq!(done.bytes, if room < 8 { 0 } else { bytes as u64 });
            if done.lost > 0 && room >= 8 {
                prop_assert!(bytes <= room && bytes + lengths[count] > room);
            }
            prop_assert_eq!(pending.len(), 0);
        }
    }
}
