//! Frames: what is before each record.

use flate2::Crc;

use super::error::CaptureError;

/// What a file begins with; the last byte is the version of the format.
pub(crate) const MAGIC: &[u8; 8] = b"GRPSCAP1";
/// Bytes before a record: its length and its checksum.
const HEAD_BYTES: usize = 8;
/// Most bytes of a record. A larger length is damage.
const MAX_RECORD_BYTES: usize = 1 << 30;

/// Appends a record with its length and its checksum.
pub(in crate::capture) fn append_frame(out: &mut Vec<u8>, record: &[u8]) {
    // The caller limits a record to far less.
    let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&checksum(record).to_le_bytes());
    out.extend_from_slice(record);
}

/// The record that begins at an offset, and where it ends; `None` at the end of the file.
///
/// # Errors
/// The file ends within the record, or the record is damaged.
pub(super) fn frame_at(
    file: &[u8],
    offset: usize,
) -> Result<Option<std::ops::Range<usize>>, CaptureError> {
    let rest = file.get(offset..).unwrap_or_default();
    if rest.is_empty() {
        return Ok(None);
    }
    let truncated = || CaptureError::Truncated(offset);
    let (length, rest) = rest.split_first_chunk().ok_or_else(truncated)?;
    let (expected, rest) = rest.split_first_chunk().ok_or_else(truncated)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    if length > MAX_RECORD_BYTES {
        let why = format!("its length is {length}, and at most {MAX_RECORD_BYTES} is allowed");
        return Err(CaptureError::Damaged { offset, why });
    }
    let record = rest.get(..length).ok_or_else(truncated)?;
    if checksum(record) != u32::from_le_bytes(*expected) {
        let why = "its checksum is wrong".to_owned();
        return Err(CaptureError::Damaged { offset, why });
    }
    let start = offset + HEAD_BYTES;
    Ok(Some(start..start + length))
}

/// CRC-32 as in zip and PNG.
fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_length_and_checksum() {
        let mut out = Vec::new();
        append_frame(&mut out, b"123456789");
        // The check value of CRC-32.
        assert_eq!(out[..8], [9, 0, 0, 0, 0x26, 0x39, 0xf4, 0xcb]);
        assert_eq!(frame_at(&out, 0), Ok(Some(8..17)));
        assert_eq!(frame_at(&out, 17), Ok(None));
    }

    #[test]
    fn the_limit_of_a_length_is_exact() {
        let head = |length: usize| {
            let length = u32::try_from(length).unwrap().to_le_bytes();
            [&length[..], &[0; 4]].concat()
        };
        assert_eq!(frame_at(&head(MAX_RECORD_BYTES), 0), Err(CaptureError::Truncated(0)));
        let damaged = frame_at(&head(MAX_RECORD_BYTES + 1), 0).unwrap_err();
        assert!(matches!(damaged, CaptureError::Damaged { offset: 0, .. }), "{damaged}");
    }
}
