//! What an encoded message takes when Python reads it, estimated without decoding it.

use super::reader::{Reader, Wire};
use crate::codec::fault::Fault;
use crate::codec::wire_type::{FLAT_BYTES, WireType};

/// A string or an entry of a map, besides its text: places in lists and tables, and the object.
const OBJECT_BYTES: usize = 128;

/// A tensor without elements.
const TENSOR_BYTES: usize = 256;

/// The memory that a message takes when Python's protobuf reads it. What is malformed counts up to
/// the fault: Python refuses it.
pub fn python_bytes(message: &[u8]) -> usize {
    // Bytes and text of the Latin alphabet are as long as they are encoded.
    let mut total = message.len();
    // A fault ends the count.
    let _ = message_bytes(message, &mut total);
    total
}

fn message_bytes(bytes: &[u8], total: &mut usize) -> Result<(), Fault> {
    let mut reader = Reader::new(bytes);
    while let Some((field, wire)) = reader.tag()? {
        match (field, wire) {
            (4, Wire::Len) => *total += wide_text_bytes(reader.bytes()?),
            (5, Wire::Len) => tensors_bytes(reader.bytes()?, total)?,
            (7, Wire::Len) => map_bytes(reader.bytes()?, total)?,
            _ => reader.skip(field, wire)?,
        }
    }
    Ok(())
}

fn tensors_bytes(bytes: &[u8], total: &mut usize) -> Result<(), Fault> {
    let mut reader = Reader::new(bytes);
    while let Some((field, wire)) = reader.tag()? {
        if (field, wire) == (1, Wire::Len) {
            *total += TENSOR_BYTES;
            tensor_bytes(reader.bytes()?, total)?;
        } else {
            reader.skip(field, wire)?;
        }
    }
    Ok(())
}

fn tensor_bytes(bytes: &[u8], total: &mut usize) -> Result<(), Fault> {
    let mut reader = Reader::new(bytes);
    while let Some((field, wire)) = reader.tag()? {
        *total += match (WireType::of_field(field), wire) {
            (Some(WireType::String), Wire::Len) => OBJECT_BYTES + wide_text_bytes(reader.bytes()?),
            _ if (field, wire) == (FLAT_BYTES, Wire::Len) => {
                reader.bytes()?;
                OBJECT_BYTES
            }
            (Some(WireType::Int64), Wire::Len) => 8 * varints(reader.bytes()?),
            (Some(WireType::Float16 | WireType::Float32 | WireType::Float64), Wire::Len) => {
                reader.bytes()?.len()
            }
            (Some(_), Wire::Len) => 4 * varints(reader.bytes()?),
            _ if (field, wire) == (3, Wire::Len) => 4 * varints(reader.bytes()?),
            _ => {
                reader.skip(field, wire)?;
                8
            }
        };
    }
    Ok(())
}

fn map_bytes(bytes: &[u8], total: &mut usize) -> Result<(), Fault> {
    let mut reader = Reader::new(bytes);
    while let Some((field, wire)) = reader.tag()? {
        *total += OBJECT_BYTES;
        reader.skip(field, wire)?;
    }
    Ok(())
}

/// What text takes in Python besides its encoded length: all characters are as wide as the widest.
pub fn wide_text_bytes(text: &[u8]) -> usize {
    let widest = text.iter().copied().max().unwrap_or_default();
    let width = match widest {
        0xf0.. => 4,
        0xc4.. => 2,
        _ => return 0,
    };
    let characters = text.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
    (characters * width).saturating_sub(text.len())
}

/// Each varint has exactly one byte without the continuation bit.
fn varints(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte < 0x80).count()
}

#[cfg(test)]
mod tests {
    use grps_core::{Tensor, Values};
    use proptest::prelude::*;

    use super::*;
    use crate::codec::proto::encode_tensors;

    fn bytes_of(values: Values) -> (usize, usize) {
        let tensor = Tensor::new("x".into(), vec![values.len()], values).unwrap();
        let message = encode_tensors(None, "", &[tensor]).unwrap();
        (python_bytes(&message) - message.len() - TENSOR_BYTES, message.len())
    }

    #[test]
    fn elements_count_as_python_has_them() {
        let around = |bytes: usize, expected: usize| {
            assert!((expected..expected + 32).contains(&bytes), "{bytes} {expected}");
        };
        around(bytes_of(Values::Int64(vec![1; 1000])).0, 8000);
        around(bytes_of(Values::Int32(vec![-1; 1000])).0, 4000);
        around(bytes_of(Values::Uint8(vec![200; 1000])).0, 4000);
        around(bytes_of(Values::Float32(vec![0.5; 1000])).0, 4000);
        around(bytes_of(Values::Float64(vec![0.5; 1000])).0, 8000);
        around(bytes_of(Values::String(vec!["".into(); 1000])).0, 128_000);
        around(bytes_of(Values::String(vec![vec![0xff].into(); 1000])).0, 128_000);
        assert_eq!(python_bytes(&[0x3a, 4, 0x0a, 0, 0x1a, 0]), 6 + 2 * OBJECT_BYTES);
        assert_eq!(python_bytes(b"\x22\x03abc"), 5);
        let text = "aaaa\u{1f600}";
        assert_eq!(python_bytes(&[b"\x22\x08", text.as_bytes()].concat()), 10 + 20 - 8);
    }

    #[test]
    fn all_characters_of_a_text_are_as_wide_as_the_widest() {
        for (text, expected) in
            [("", 0), ("abc", 0), ("ab\u{e9}", 0), ("ab\u{65e5}", 1), ("\u{65e5}\u{672c}", 0)]
        {
            assert_eq!(wide_text_bytes(text.as_bytes()), expected, "{text}");
        }
        let wide = "a".repeat(1000) + "\u{1f600}";
        assert_eq!(wide_text_bytes(wide.as_bytes()), 1001 * 4 - 1004);
        assert_eq!(wide_text_bytes(&[0xff; 9]), 27);
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_size(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            prop_assert!(python_bytes(&bytes) >= bytes.len());
        }
    }
}
