//! Bodies that are JSON objects, and errors as one.

use std::borrow::Cow;

use bytes::Bytes;
use grps_core::Error;

use crate::codec::json::{self, Cursor, text_of};
use crate::codec::{Fault, Room};

/// Reads a JSON object; `field` reads the value behind each key. Strings share the memory of `body`.
///
/// # Errors
/// `InvalidArgument` with the position and the reason.
pub(crate) fn read_object(
    body: &Bytes,
    room: &Room<'_>,
    field: impl FnMut(&mut Cursor<'_>, &str) -> Result<(), Fault>,
) -> Result<(), Error> {
    let mut field = field;
    let text = text_of(body, room)?;
    let memory = matches!(text, Cow::Borrowed(_)).then_some(body);
    let mut cursor = Cursor::within(&text, room, memory);
    if cursor.token() != b'{' {
        return Err(cursor.mismatch("a JSON object as the body").into());
    }
    cursor.object(|cursor, key| field(cursor, &key))?;
    Ok(cursor.end()?)
}

/// Reads a text.
///
/// # Errors
/// Those of the room, and a fault for another value.
pub(crate) fn read_text(cursor: &mut Cursor<'_>) -> Result<String, Fault> {
    let text = cursor.string()?;
    cursor.take_text(&text)?;
    Ok(text.into_owned())
}

/// An error as the object `{"error": "..."}`.
pub(crate) fn error_text(error: &Error) -> Vec<u8> {
    let mut text = b"{\"error\":".to_vec();
    json::encode_string(&mut text, error.message());
    text.push(b'}');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_objects() {
        assert_eq!(error_text(&Error::invalid("a \"b\"")), b"{\"error\":\"a \\\"b\\\"\"}");
    }

    #[test]
    fn bodies_are_objects() {
        let read = |text: &'static str| {
            let mut found = String::new();
            let body = Bytes::from_static(text.as_bytes());
            read_object(&body, &Room::unlimited(), |cursor, _| {
                found = read_text(cursor)?;
                Ok(())
            })
            .map(|()| found)
        };
        assert_eq!(read("{\"a\": \"b\"}").unwrap(), "b");
        for bad in ["", "[]", "{} x", "{\"a\": 1}", "{\"a\": \"b\""] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
