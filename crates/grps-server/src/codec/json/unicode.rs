//! The text of a JSON body in any Unicode encoding.

use std::borrow::Cow;

use grps_core::Error;

use crate::codec::room::Room;

/// The text of a body as UTF-8, without its byte order mark. Encodings are found out as Python's
/// json module does: by the mark, else by which of the first bytes are zero.
///
/// # Errors
/// `InvalidArgument` with the offset of the first byte that the encoding does not allow.
pub(crate) fn text_of<'a>(body: &'a [u8], room: &Room<'_>) -> Result<Cow<'a, str>, Error> {
    if matches!(*body, [0, ..] | [_, 0, ..] | [0xfe, 0xff, ..] | [0xff, 0xfe, ..]) {
        // Two bytes can become three, and a string doubles when it grows.
        room.take(body.len().saturating_mul(2))?;
    }
    match *body {
        [0xef, 0xbb, 0xbf, ref rest @ ..] => utf8(rest, 3),
        [0, 0, 0xfe, 0xff, ref rest @ ..] => utf32(rest, u32::from_be_bytes, "UTF-32BE", 4),
        [0xff, 0xfe, 0, 0, ref rest @ ..] => utf32(rest, u32::from_le_bytes, "UTF-32LE", 4),
        [0xfe, 0xff, ref rest @ ..] => utf16(rest, u16::from_be_bytes, "UTF-16BE", 2),
        [0xff, 0xfe, ref rest @ ..] => utf16(rest, u16::from_le_bytes, "UTF-16LE", 2),
        [0, 0, ..] => utf32(body, u32::from_be_bytes, "UTF-32BE", 0),
        [_, 0, 0, 0, ..] => utf32(body, u32::from_le_bytes, "UTF-32LE", 0),
        [0, _, ..] => utf16(body, u16::from_be_bytes, "UTF-16BE", 0),
        [_, 0, ..] => utf16(body, u16::from_le_bytes, "UTF-16LE", 0),
        _ => utf8(body, 0),
    }
}

fn utf8(bytes: &[u8], offset: usize) -> Result<Cow<'_, str>, Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Cow::Borrowed(text)),
        Err(error) => Err(invalid("UTF-8", offset + error.valid_up_to())),
    }
}

fn utf16<'a>(
    bytes: &[u8],
    unit: fn([u8; 2]) -> u16,
    name: &str,
    offset: usize,
) -> Result<Cow<'a, str>, Error> {
    let (units, rest) = bytes.as_chunks::<2>();
    // Text of JSON is mostly ASCII, one byte of UTF-8 for each unit.
    let mut text = String::with_capacity(units.len());
    for read in char::decode_utf16(units.iter().map(|bytes| unit(*bytes))) {
        match read {
            Ok(character) => text.push(character),
            Err(_) => return Err(invalid(name, offset + 2 * text.encode_utf16().count())),
        }
    }
    whole(text, rest, name, offset + bytes.len())
}

fn utf32<'a>(
    bytes: &[u8],
    unit: fn([u8; 4]) -> u32,
    name: &str,
    offset: usize,
) -> Result<Cow<'a, str>, Error> {
    let (units, rest) = bytes.as_chunks::<4>();
    let mut text = String::with_capacity(units.len());
    for (index, bytes) in units.iter().enumerate() {
        let read = char::from_u32(unit(*bytes));
        text.push(read.ok_or_else(|| invalid(name, offset + 4 * index))?);
    }
    whole(text, rest, name, offset + bytes.len())
}

/// The text, unless the last unit is cut off.
fn whole<'a>(text: String, rest: &[u8], name: &str, end: usize) -> Result<Cow<'a, str>, Error> {
    if rest.is_empty() { Ok(Cow::Owned(text)) } else { Err(invalid(name, end - rest.len())) }
}

fn invalid(name: &str, offset: usize) -> Error {
    Error::invalid(format!("the body is not valid {name} at byte {offset}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The text in each encoding, with its mark or without.
    fn encodings(text: &str, marked: bool) -> [Vec<u8>; 5] {
        let text = if marked { format!("\u{feff}{text}") } else { text.to_owned() };
        let units: Vec<u16> = text.encode_utf16().collect();
        let codes: Vec<u32> = text.chars().map(u32::from).collect();
        [
            text.into_bytes(),
            units.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
            units.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
            codes.iter().flat_map(|code| code.to_be_bytes()).collect(),
            codes.iter().flat_map(|code| code.to_le_bytes()).collect(),
        ]
    }

    fn read(body: &[u8]) -> Result<String, String> {
        let text = text_of(body, &Room::unlimited());
        text.map(Cow::into_owned).map_err(|error| error.message().to_owned())
    }

    fn refusal(body: &[u8]) -> String {
        read(body).unwrap_err()
    }

    proptest! {
        #[test]
        fn every_encoding_is_read(text in "\\{[^\\x00]{0,9}", marked in any::<bool>()) {
            for body in encodings(&text, marked) {
                prop_assert_eq!(text_of(&body, &Room::unlimited()).unwrap(), text.as_str());
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = text_of(&bytes, &Room::unlimited());
        }
    }

    #[test]
    fn short_bodies() {
        for body in [&b""[..], b"{", b"{}", b"{ }"] {
            assert_eq!(read(body).unwrap().as_bytes(), body);
        }
        assert_eq!(read(b"\xff\xfe").unwrap(), "");
        assert_eq!(read(b"\xef\xbb\xbf").unwrap(), "");
    }

    #[test]
    fn refusals_name_the_encoding_and_the_byte() {
        assert_eq!(refusal(b"{\"\xff\"}"), "the body is not valid UTF-8 at byte 2");
        assert_eq!(refusal(b"\xef\xbb\xbf{\xff"), "the body is not valid UTF-8 at byte 4");
        assert_eq!(refusal(b"\xff\xfe{\0\0\xd8"), "the body is not valid UTF-16LE at byte 4");
        assert_eq!(refusal(b"\xfe\xff\0{\0"), "the body is not valid UTF-16BE at byte 4");
        assert_eq!(refusal(b"\0\0\0{\0\x11\0\0"), "the body is not valid UTF-32BE at byte 4");
        assert_eq!(refusal(b"\xff\xfe\0\0{\0\0"), "the body is not valid UTF-32LE at byte 4");
    }
}
