//! Reads or replaces single top-level fields of an encoded message without decoding the rest.

use bytes::Bytes;
use grps_core::Error;

use super::encode::write_status;
use super::reader::{Reader, Wire};
use super::size::{field_size, status_size};
use crate::codec::fault::Fault;
use crate::codec::message::Status;

/// The model that an encoded message names; empty when it names none.
///
/// # Errors
/// `InvalidArgument` when the top-level framing is broken or the name is not UTF-8.
pub fn peek_model(bytes: &[u8]) -> Result<&str, Error> {
    Ok(last_model(bytes)?)
}

/// The encoded message with its status replaced by this one; all else is copied as it is.
///
/// # Errors
/// `InvalidArgument` when the top-level framing is broken.
pub fn with_status(message: &Bytes, status: &Status) -> Result<Bytes, Error> {
    let mut out = Vec::with_capacity(field_size(status_size(status)) + message.len());
    write_status(&mut out, status);
    copy_without_status(&mut out, message)?;
    Ok(out.into())
}

fn last_model(bytes: &[u8]) -> Result<&str, Fault> {
    let mut model = "";
    let mut reader = Reader::new(bytes);
    while let Some((field, wire)) = reader.tag()? {
        if (field, wire) == (2, Wire::Len) {
            model = reader.text().map_err(|fault| fault.in_field("model"))?;
        } else {
            reader.skip(field, wire)?;
        }
    }
    Ok(model)
}

fn copy_without_status(out: &mut Vec<u8>, message: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::new(message);
    // Start of the run of fields that is not copied yet.
    let mut run = 0;
    let mut field_start = 0;
    while let Some((field, wire)) = reader.tag()? {
        reader.skip(field, wire)?;
        let field_end = message.len() - reader.remaining();
        if (field, wire) == (1, Wire::Len) {
            out.extend_from_slice(message.get(run..field_start).unwrap_or_default());
            run = field_end;
        }
        field_start = field_end;
    }
    out.extend_from_slice(message.get(run..).unwrap_or_default());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_model_is_found() {
        assert_eq!(peek_model(&[0x12, 1, b'a', 0x22, 1, b'x', 0x12, 1, b'b']).unwrap(), "b");
        assert_eq!(peek_model(&[]).unwrap(), "");
        assert!(peek_model(&[0x12, 1, 0xff]).is_err());
        assert!(peek_model(&[0x22, 9]).is_err());
    }

    #[test]
    fn status_moves_to_the_front_and_the_rest_stays() {
        let status = Status { code: 5, ..Status::default() };
        // An unknown group, a status, text, a status, field 1 as varint (unknown), a model.
        let message = b"\x63\x64\x0a\x02\x08\x07\x22\x01x\x0a\x00\x08\x01\x12\x01m";
        let expected = b"\x0a\x02\x08\x05\x63\x64\x22\x01x\x08\x01\x12\x01m";
        let spliced = with_status(&Bytes::from_static(message), &status).unwrap();
        assert_eq!(spliced[..], expected[..]);
        let spliced = with_status(&Bytes::new(), &status).unwrap();
        assert_eq!(spliced[..], expected[..4]);
        assert!(with_status(&Bytes::from_static(&[0x22, 9]), &status).is_err());
    }
}
