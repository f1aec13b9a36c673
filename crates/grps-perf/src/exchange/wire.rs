//! The little of protobuf that statuses need: fields are walked, nothing is built.

use crate::exchange::failure::{Class, Failure};

const GRPS_STATUS: u64 = 1;
const CODE: u64 = 1;
const TEXT: u64 = 2;
const STATUS: u64 = 3;
const FAILED: u64 = 2;

/// A field of a message: a number or bytes.
pub(crate) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message, up to its end or to the first that can't be read.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn bytes(&mut self, size: u64) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(usize::try_from(size).ok()?)?;
        self.0 = rest;
        Some(head)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Number(self.varint()?),
            1 => Value::Bytes(self.bytes(8)?),
            2 => {
                let size = self.varint()?;
                Value::Bytes(self.bytes(size)?)
            }
            5 => Value::Bytes(self.bytes(4)?),
            _ => return None,
        };
        Some((key >> 3, value))
    }
}

/// A code and a text, as a status has them.
pub(crate) fn code_and_text(status: &[u8], code: u64, text: u64) -> (i64, String) {
    let mut found = (0, String::new());
    for (field, value) in Fields(status) {
        match value {
            Value::Number(number) if field == code => found.0 = number.cast_signed(),
            Value::Bytes(bytes) if field == text => {
                found.1 = String::from_utf8_lossy(bytes).into_owned();
            }
            _ => {}
        }
    }
    found
}

/// Reads the status of a `GrpsMessage`, of which the first bytes are enough: it is the first field.
///
/// # Errors
///
/// The status is a failure.
pub(crate) fn check_grps_status(message: &[u8]) -> Result<(), Failure> {
    let Some((GRPS_STATUS, Value::Bytes(status))) = Fields(message).next() else { return Ok(()) };
    let has_failed = Fields(status)
        .any(|(field, value)| matches!(value, Value::Number(FAILED) if field == STATUS));
    if !has_failed {
        return Ok(());
    }
    let (code, text) = code_and_text(status, CODE, TEXT);
    Err(Failure::new(Class::Model(code), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_in_a_message_is_found() {
        // status { code: 400, msg: "no", status: FAILURE }, then str_data: "x".
        let message = b"\x0a\x09\x08\x90\x03\x12\x02no\x18\x02\x22\x01x";
        let failure = check_grps_status(message).unwrap_err();
        assert_eq!((failure.class, &*failure.text), (Class::Model(400), "no"));
    }

    #[test]
    fn a_success_and_a_message_without_status_pass() {
        assert!(check_grps_status(b"\x0a\x05\x08\xc8\x01\x18\x01").is_ok());
        assert!(check_grps_status(b"\x22\x01x").is_ok());
        assert!(check_grps_status(b"").is_ok());
    }

    #[test]
    fn broken_bytes_end_the_walk() {
        assert_eq!(Fields(b"\x0a\xff").count(), 0);
        assert_eq!(Fields(&[0xff; 20]).count(), 0);
        assert_eq!(Fields(b"\x08\x01\x0f").count(), 1);
    }
}
