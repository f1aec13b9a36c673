//! Tensors as raw bytes: elements in little-endian, strings each behind its length.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use grps_core::{
    Buffer, DataType, Elements, Error, MAX_RANK, Shape, Tensor, Values, element_count, quoted,
};

use crate::codec::Room;
use crate::frontends::oip::inference::data_type;

/// Bytes of the length before a string.
const LENGTH_BYTES: usize = 4;
/// What a string of a tensor takes: its place in the tensor and what refers to it elsewhere.
const STRING_BYTES: usize = 128 + size_of::<Bytes>();
/// Strings of so many bytes leave in their own memory.
const LARGE_STRING: usize = 64 << 10;

/// The shape of a tensor from the sizes that a client sent.
///
/// # Errors
/// `InvalidArgument` for a negative size and for too many dimensions.
pub(crate) fn shape_of(sizes: impl IntoIterator<Item = i64>) -> Result<Shape, Error> {
    let mut shape = Shape::new();
    for size in sizes {
        if shape.len() >= MAX_RANK {
            return Err(Error::invalid(format!("shape has more than {MAX_RANK} dimensions")));
        }
        shape.push(usize::try_from(size).map_err(|_| {
            Error::invalid(format!("shape has the size {size}, sizes are whole numbers from 0"))
        })?);
    }
    Ok(shape)
}

/// How many elements a tensor of this shape has.
///
/// # Errors
/// `InvalidArgument` when they can't be counted.
pub(crate) fn count_of(name: &str, shape: &Shape) -> Result<usize, Error> {
    let count = element_count(shape);
    count.ok_or_else(|| Error::invalid(format!("input {}: shape is too large", quoted(name))))
}

/// How many bytes the elements of an input take, for a request whose parts have no lengths of their
/// own; `None` for strings.
///
/// # Errors
/// `InvalidArgument` when the shape is too large.
pub(crate) fn length_of(
    name: &str,
    dtype: DataType,
    shape: &Shape,
) -> Result<Option<usize>, Error> {
    let Some(width) = dtype.width() else { return Ok(None) };
    let length = count_of(name, shape)?.checked_mul(width);
    let too_large = || Error::invalid(format!("input {}: shape is too large", quoted(name)));
    length.map(Some).ok_or_else(too_large)
}

/// Reads an input. Its elements stay where they are, unless they are not aligned there.
///
/// # Errors
/// `InvalidArgument` when the bytes are not what type and shape say; those of the room.
pub(crate) fn decode(
    name: Arc<str>,
    dtype: DataType,
    shape: Shape,
    bytes: Bytes,
    room: &Room<'_>,
) -> Result<Tensor, Error> {
    let Some(length) = length_of(&name, dtype, &shape)? else {
        let strings = decode_strings(&name, count_of(&name, &shape)?, bytes, room)?;
        return Tensor::new(name, shape, Values::String(strings));
    };
    if bytes.len() != length {
        return Err(Error::invalid(format!(
            "input {}: {} of shape {shape:?} takes {length} bytes, got {}",
            quoted(&name),
            data_type::name_of(dtype),
            bytes.len()
        )));
    }
    let width = dtype.width().unwrap_or(1);
    if dtype == DataType::Bool || !bytes.as_ptr().addr().is_multiple_of(width) {
        room.take(length)?;
    }
    match Buffer::from_bytes(dtype, bytes) {
        Some(buffer) => Tensor::new(name, shape, buffer),
        None => Err(Error::invalid(format!("input {}: its bytes are no elements", quoted(&name)))),
    }
}

fn decode_strings(
    name: &str,
    count: usize,
    mut bytes: Bytes,
    room: &Room<'_>,
) -> Result<Vec<Bytes>, Error> {
    let malformed = |reason: String| Error::invalid(format!("input {}: {reason}", quoted(name)));
    if count > bytes.len() / LENGTH_BYTES {
        let length = bytes.len();
        return Err(malformed(format!("{count} strings can't be in {length} bytes")));
    }
    room.take(count.saturating_mul(STRING_BYTES))?;
    let mut strings = Vec::with_capacity(count);
    while let Some(length) = bytes.first_chunk().map(|length| u32::from_le_bytes(*length)) {
        if strings.len() == count {
            return Err(malformed(format!("bytes follow the last of its {count} strings")));
        }
        bytes.advance(LENGTH_BYTES);
        let length = length as usize;
        if length > bytes.len() {
            let (index, left) = (strings.len(), bytes.len());
            return Err(malformed(format!(
                "string {index} has {length} bytes, but only {left} follow"
            )));
        }
        strings.push(bytes.split_to(length));
    }
    if strings.len() != count || !bytes.is_empty() {
        let found = strings.len();
        return Err(malformed(format!("its shape wants {count} strings, its bytes have {found}")));
    }
    Ok(strings)
}

/// Appends the elements of an output to a list of buffers, in their own memory except for short
/// strings, and returns how many bytes they take.
///
/// # Errors
/// `InvalidArgument` when a string is too long for its length in 32 bits.
pub(crate) fn encode(tensor: &Tensor, parts: &mut Vec<Bytes>) -> Result<usize, Error> {
    let Elements::String(strings) = tensor.elements() else {
        let bytes = tensor.buffer().clone().into_bytes().unwrap_or_default();
        let length = bytes.len();
        if length > 0 {
            parts.push(bytes);
        }
        return Ok(length);
    };
    let is_short = |text: &&Bytes| text.len() < LARGE_STRING;
    let short: usize = strings.iter().filter(is_short).map(Bytes::len).sum();
    let mut joined = BytesMut::with_capacity(short + strings.len() * LENGTH_BYTES);
    let mut total = 0;
    for text in strings {
        let length = u32::try_from(text.len()).map_err(|_| {
            Error::invalid(format!("output {} has a string over 4 GiB", quoted(tensor.name())))
        })?;
        total += LENGTH_BYTES + text.len();
        joined.put_u32_le(length);
        if is_short(&text) {
            joined.put_slice(text);
        } else {
            parts.push(joined.split().freeze());
            parts.push(text.clone());
        }
    }
    if !joined.is_empty() {
        parts.push(joined.freeze());
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(dtype: DataType, shape: &[usize], bytes: &Bytes) -> Result<Tensor, Error> {
        decode("x".into(), dtype, shape.into(), bytes.clone(), &Room::unlimited())
    }

    fn written(tensor: &Tensor) -> Vec<u8> {
        let mut parts = Vec::new();
        let length = encode(tensor, &mut parts).unwrap();
        let joined = parts.concat();
        assert_eq!(joined.len(), length);
        joined
    }

    #[test]
    fn elements_stay_in_their_memory_both_ways() {
        let bytes = Bytes::from(vec![7u8; 16]);
        let start = bytes.as_ptr();
        let tensor = read(DataType::Float64, &[2, 1], &bytes).unwrap();
        let mut parts = Vec::new();
        assert_eq!(encode(&tensor, &mut parts).unwrap(), 16);
        assert_eq!(parts[0].as_ptr(), start);
        for length in [15, 17] {
            let wrong = Bytes::from(vec![0; length]);
            assert!(read(DataType::Float64, &[2], &wrong).is_err());
        }
    }

    #[test]
    fn strings_are_behind_their_lengths() {
        let large = Bytes::from(vec![b'x'; LARGE_STRING]);
        let strings =
            vec![Bytes::from_static(b"ab"), Bytes::new(), large, Bytes::from_static(b"c")];
        let tensor = Tensor::new("x".into(), vec![2, 2], Values::String(strings)).unwrap();
        let bytes = Bytes::from(written(&tensor));
        assert_eq!(&bytes[..10], b"\x02\0\0\0ab\0\0\0\0");
        assert_eq!(read(DataType::String, &[2, 2], &bytes).unwrap(), tensor);
        for wrong in [3, 5, usize::MAX / 2] {
            assert!(read(DataType::String, &[wrong], &bytes).is_err(), "{wrong}");
        }
        assert!(read(DataType::String, &[4], &bytes.slice(1..)).is_err());
        let error = read(DataType::String, &[1], &Bytes::from_static(b"\x03\0\0\0ab")).unwrap_err();
        let expected = "input 'x': string 0 has 3 bytes, but only 2 follow";
        assert_eq!(error.message(), expected);
    }

    #[test]
    fn shapes_are_checked() {
        assert_eq!(&*shape_of([2, 0]).unwrap(), [2, 0]);
        assert!(shape_of([-1]).is_err() && shape_of([i64::MIN]).is_err());
        assert!(shape_of([1; MAX_RANK]).is_ok() && shape_of([1; MAX_RANK + 1]).is_err());
        for shape in [vec![usize::MAX, 2], vec![usize::MAX / 4]] {
            assert!(read(DataType::Float64, &shape, &Bytes::new()).is_err());
        }
    }

    #[test]
    fn strings_are_charged_before_they_are_read() {
        let full = |_| Err(Error::invalid("full"));
        let bytes = Bytes::from(vec![0; 100_000]);
        let room = Room::of_body(bytes.len(), &full);
        let shape = Shape::from_slice(&[25_000]);
        let error = decode("x".into(), DataType::String, shape, bytes, &room).unwrap_err();
        assert_eq!(error.message(), "full");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            bytes in prop::collection::vec(any::<u8>(), 0..80), count in 0usize..20
        ) {
            let bytes = Bytes::from(bytes);
            for dtype in DataType::ALL {
                if let Ok(tensor) = read(dtype, &[count], &bytes) {
                    if dtype == DataType::Bool {
                        prop_assert_eq!(tensor.elements().len(), bytes.len());
                    } else {
                        prop_assert_eq!(written(&tensor), bytes.to_vec());
                    }
                }
            }
        }
    }
}
