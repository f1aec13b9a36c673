//! Reads the records of a file.

use bytes::Bytes;
use grps_core::Error;

use super::error::CaptureError;
use super::frame::{MAGIC, frame_at};
use super::record::CaptureRecord;

/// The records of a file, in their order. The first that can't be read is the last.
#[derive(Clone, Debug)]
pub struct Records {
    file: Bytes,
    /// Where the next record begins; `None` behind an error.
    offset: Option<usize>,
}

/// Reads a file.
///
/// # Errors
/// It is no capture, or one of another version.
pub fn read_records(file: Bytes) -> Result<Records, CaptureError> {
    let (begin, version) = (file.get(..MAGIC.len() - 1), file.get(MAGIC.len() - 1));
    let (Some(begin), Some(version)) = (begin, version) else {
        return Err(CaptureError::NoCapture);
    };
    if !MAGIC.starts_with(begin) {
        return Err(CaptureError::NoCapture);
    }
    if !MAGIC.ends_with(&[*version]) {
        return Err(CaptureError::OtherVersion(char::from(*version)));
    }
    Ok(Records { file, offset: Some(MAGIC.len()) })
}

impl Iterator for Records {
    type Item = Result<CaptureRecord, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.offset.take()?;
        let range = match frame_at(&self.file, offset) {
            Ok(range) => range?,
            Err(error) => return Some(Err(error)),
        };
        let record = CaptureRecord::decode(&self.file.slice(range.clone()));
        Some(match record {
            Ok(record) => {
                self.offset = Some(range.end);
                Ok(record)
            }
            Err(fault) => {
                let why = Error::from(fault).message().to_owned();
                Err(CaptureError::Damaged { offset, why })
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::frame::append_frame;
    use super::*;

    fn file(records: &[CaptureRecord]) -> Vec<u8> {
        let mut file = MAGIC.to_vec();
        records.iter().for_each(|record| append_frame(&mut file, &record.encode()));
        file
    }

    fn read(file: Vec<u8>) -> (Vec<CaptureRecord>, Option<CaptureError>) {
        let (mut found, mut error) = (Vec::new(), None);
        match read_records(file.into()) {
            Ok(records) => {
                for record in records {
                    assert!(error.is_none(), "nothing follows an error");
                    match record {
                        Ok(record) => found.push(record),
                        Err(wrong) => error = Some(wrong),
                    }
                }
            }
            Err(wrong) => error = Some(wrong),
        }
        (found, error)
    }

    fn record() -> impl Strategy<Value = CaptureRecord> {
        let text = || "\\PC{0,12}";
        let bytes = || prop::collection::vec(any::<u8>(), 0..60).prop_map(Bytes::from);
        let headers = prop::collection::vec((text(), text()), 0..3);
        let numbers = (any::<u64>(), any::<u64>(), any::<u16>());
        let texts = (text(), text(), text(), text(), text());
        (numbers, texts, headers, bytes(), prop::option::of(bytes())).prop_map(
            |(numbers, texts, headers, request, reply)| CaptureRecord {
                time_us: numbers.0,
                latency_us: numbers.1,
                status: numbers.2,
                route: texts.0,
                protocol: texts.1,
                error: texts.2,
                request_id: texts.3,
                version: texts.4,
                headers,
                request,
                reply,
            },
        )
    }

    fn records() -> impl Strategy<Value = Vec<CaptureRecord>> {
        prop::collection::vec(record(), 0..5)
    }

    #[test]
    fn other_files_are_refused() {
        for other in [&b""[..], b"GRPSCAP", b"GRPSCAX1", b"PK\x03\x04 and more"] {
            assert_eq!(read(other.to_vec()).1, Some(CaptureError::NoCapture));
        }
        assert_eq!(read(b"GRPSCAP2".to_vec()).1, Some(CaptureError::OtherVersion('2')));
        assert_eq!(read(b"GRPSCAP1".to_vec()), (vec![], None));
    }

    #[test]
    fn fields_that_are_not_known_are_skipped() {
        let record = CaptureRecord { route: "m-1".into(), ..CaptureRecord::default() };
        let mut encoded = record.encode();
        encoded.extend_from_slice(&[0xa2, 0x06, 1, b'x']);
        let mut file = MAGIC.to_vec();
        append_frame(&mut file, &encoded);
        assert_eq!(read(file), (vec![record], None));
    }

    proptest! {
        #[test]
        fn records_are_read_as_they_were_written(records in records()) {
            prop_assert_eq!(read(file(&records)), (records, None));
        }

        #[test]
        fn a_file_that_was_cut_keeps_its_whole_records(records in records(), cut in any::<prop::sample::Index>()) {
            let whole = file(&records);
            let end = MAGIC.len() + cut.index(whole.len() - MAGIC.len() + 1);
            let (found, error) = read(whole[..end].to_vec());
            prop_assert!(records.starts_with(&found));
            let is_boundary = file(&found).len() == end;
            prop_assert_eq!(error.is_none(), is_boundary);
            prop_assert!(matches!(error, None | Some(CaptureError::Truncated(_))));
        }

        #[test]
        fn damage_is_found(records in prop::collection::vec(record(), 1..5), at in any::<prop::sample::Index>(), flip in 1u8..) {
            let mut damaged = file(&records);
            let at = MAGIC.len() + at.index(damaged.len() - MAGIC.len());
            damaged[at] ^= flip;
            let (found, error) = read(damaged);
            prop_assert!(error.is_some());
            prop_assert!(records.starts_with(&found) && found.len() < records.len());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut file = MAGIC.to_vec();
            file.extend_from_slice(&bytes);
            read(file);
            let mut framed = MAGIC.to_vec();
            append_frame(&mut framed, &bytes);
            read(framed);
        }
    }
}
