//! Reads or replaces single top-level fields of an encoded message without decoding the rest.

use bytes::Bytes;
use grps_core::Error;

use super::decode::decode;
use super::encode::write_status;
use super::reader::{Reader, Wire};
use super::size::{field_size, status_size};
use crate::codec::fault::Fault;
use crate::codec::message::{Outcome, Status};

/// The tag of the field `status`.
const STATUS_TAG: u8 = 0x0a;
/// The encoded status of success.
const SUCCESS: &[u8] = b"\x0a\x09\x08\xc8\x01\x12\x02OK\x18\x01";

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

/// An encoded chunk of a stream with the status of success, unless it says itself that it failed.
///
/// # Errors
/// `InvalidArgument` when the chunk has a malformed status or its framing is broken.
pub fn with_chunk_status(chunk: &Bytes) -> Result<Bytes, Error> {
    // Writers put the fields in the order of their numbers, so that a status comes first.
    if chunk.first() != Some(&STATUS_TAG) {
        let mut out = Vec::with_capacity(SUCCESS.len() + chunk.len());
        out.extend_from_slice(SUCCESS);
        out.extend_from_slice(chunk);
        return Ok(out.into());
    }
    match decode(chunk)?.status {
        Some(status) if status.outcome == Outcome::FAILURE => Ok(chunk.clone()),
        _ => with_status(chunk, &Status::ok()),
    }
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
    use crate::codec::message::{Data, GrpsMessage};
    use crate::codec::proto::encode;

    #[test]
    fn last_model_is_found() {
        assert_eq!(peek_model(&[0x12, 1, b'a', 0x22, 1, b'x', 0x12, 1, b'b']).unwrap(), "b");
        assert_eq!(peek_model(&[]).unwrap(), "");
        assert!(peek_model(&[0x12, 1, 0xff]).is_err());
        assert!(peek_model(&[0x22, 9]).is_err());
    }

    #[test]
    fn a_chunk_is_a_success_unless_it_says_failure() {
        let told = |status: Option<Status>| {
            let message =
                GrpsMessage { status, data: Data::Text("x".to_owned()), ..GrpsMessage::default() };
            decode(&with_chunk_status(&encode(&message)).unwrap()).unwrap()
        };
        for status in [None, Some(Status::default()), Some(Status { code: 5, ..Status::ok() })] {
            let chunk = told(status);
            assert_eq!((chunk.status, chunk.data), (Some(Status::ok()), Data::Text("x".into())));
        }
        let failure = Status::failure(500, "no");
        assert_eq!(told(Some(failure.clone())).status, Some(failure));
        assert_eq!(with_chunk_status(&Bytes::new()).unwrap(), SUCCESS);
        assert!(with_chunk_status(&Bytes::from_static(&[STATUS_TAG, 9])).is_err());
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
