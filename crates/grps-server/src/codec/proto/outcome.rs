//! Reads what an encoded response says of itself, without its data.

use grps_core::Error;

use super::decode::merge_status;
use super::reader::{Reader, Wire};
use crate::codec::message::Status;

/// What an encoded response says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeekedOutcome {
    /// Its status, if it has one.
    pub status: Option<Status>,
    /// Whether its data are tensors.
    pub has_tensors: bool,
    /// Whether it has data.
    pub has_data: bool,
}

/// Reads the status of an encoded response, and what its data are.
///
/// # Errors
/// `InvalidArgument` when the framing of the message or its status is broken.
pub fn peek_outcome(message: &[u8]) -> Result<PeekedOutcome, Error> {
    let mut outcome = PeekedOutcome::default();
    let mut reader = Reader::new(message);
    while let Some((field, wire)) = reader.tag()? {
        match (field, wire) {
            (1, Wire::Len) => {
                merge_status(outcome.status.get_or_insert_default(), reader.bytes()?)?;
            }
            (3..=7, Wire::Len) => {
                // The last one of them is the data.
                (outcome.has_tensors, outcome.has_data) = (field == 5, true);
                reader.skip(field, wire)?;
            }
            _ => reader.skip(field, wire)?,
        }
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_kind_of_data_are_found() {
        let failed = b"\x0a\x08\x08\xf4\x03\x12\x01x\x18\x02";
        let outcome = peek_outcome(failed).unwrap();
        assert_eq!(outcome.status, Some(Status::failure(500, "x")));
        assert!(!outcome.has_data);
        let text = peek_outcome(b"\x2a\x00\x22\x01a").unwrap();
        assert_eq!((text.has_data, text.has_tensors), (true, false));
        let tensors = peek_outcome(b"\x22\x01a\x2a\x00").unwrap();
        assert_eq!((tensors.has_data, tensors.has_tensors), (true, true));
        assert!(peek_outcome(&[0x0a, 9]).is_err());
    }
}
