//! A tensor as nothing but its elements, little-endian and in C order.

use bytemuck::NoUninit;
use bytes::Bytes;
use grps_core::{DataType, Error, MAX_RANK, Tensor, Values};
use half::f16;

use super::fault::excerpt;
use super::little_endian;

/// Reads a shape such as `1,3,224,224`.
///
/// # Errors
/// `InvalidArgument` when it is none.
pub fn parse_shape(text: &str) -> Result<Vec<usize>, Error> {
    let shape: Result<Vec<usize>, _> = text.split(',').map(|size| size.trim().parse()).collect();
    match shape {
        Ok(shape) if shape.len() <= MAX_RANK => Ok(shape),
        Ok(_) => Err(Error::invalid(format!("shape has more than {MAX_RANK} dimensions"))),
        Err(_) => {
            let given = excerpt(text);
            Err(Error::invalid(format!("shape is {given}, give sizes such as 1,3,224,224")))
        }
    }
}

/// Reads an unnamed tensor of this type and shape.
///
/// # Errors
/// `InvalidArgument` when the bytes are not as many as it takes, or for a tensor of strings.
pub fn decode(dtype: DataType, shape: Vec<usize>, bytes: &[u8]) -> Result<Tensor, Error> {
    let Some(size) = element_size(dtype) else {
        return Err(Error::invalid("a tensor of strings can't be sent as raw bytes; send JSON"));
    };
    let count = shape.iter().try_fold(1usize, |count, size| count.checked_mul(*size));
    if count.and_then(|count| count.checked_mul(size)) != Some(bytes.len()) {
        return Err(Error::invalid(format!(
            "the body has {} bytes, which is no {} of shape {shape:?}",
            bytes.len(),
            dtype.name()
        )));
    }
    let values = match dtype {
        DataType::Uint8 => Values::Uint8(bytes.to_vec()),
        DataType::Int8 => Values::Int8(elements(bytes, i8::from_le_bytes)),
        DataType::Int16 => Values::Int16(elements(bytes, i16::from_le_bytes)),
        DataType::Int32 => Values::Int32(elements(bytes, i32::from_le_bytes)),
        DataType::Int64 => Values::Int64(elements(bytes, i64::from_le_bytes)),
        DataType::Float16 => Values::Float16(elements(bytes, f16::from_le_bytes)),
        DataType::Float32 => Values::Float32(elements(bytes, f32::from_le_bytes)),
        DataType::Float64 => Values::Float64(elements(bytes, f64::from_le_bytes)),
        DataType::String => Values::empty(dtype),
    };
    Tensor::new(String::new(), shape, values)
}

/// The elements of a tensor; `None` for strings, which have no fixed size.
pub fn encode(values: &Values) -> Option<Bytes> {
    let bytes = match values {
        Values::Uint8(values) => values.clone(),
        Values::Int8(values) => flat(values, i8::to_le_bytes),
        Values::Int16(values) => flat(values, i16::to_le_bytes),
        Values::Int32(values) => flat(values, i32::to_le_bytes),
        Values::Int64(values) => flat(values, i64::to_le_bytes),
        Values::Float16(values) => flat(values, f16::to_le_bytes),
        Values::Float32(values) => flat(values, f32::to_le_bytes),
        Values::Float64(values) => flat(values, f64::to_le_bytes),
        Values::String(_) => return None,
    };
    Some(bytes.into())
}

fn element_size(dtype: DataType) -> Option<usize> {
    Some(match dtype {
        DataType::Uint8 | DataType::Int8 => 1,
        DataType::Int16 | DataType::Float16 => 2,
        DataType::Int32 | DataType::Float32 => 4,
        DataType::Int64 | DataType::Float64 => 8,
        DataType::String => return None,
    })
}

fn elements<T, const SIZE: usize>(bytes: &[u8], read: fn([u8; SIZE]) -> T) -> Vec<T> {
    let (elements, _) = bytes.as_chunks::<SIZE>();
    elements.iter().map(|element| read(*element)).collect()
}

fn flat<T: NoUninit, const SIZE: usize>(values: &[T], write: fn(T) -> [u8; SIZE]) -> Vec<u8> {
    let mut out = Vec::with_capacity(size_of_val(values));
    little_endian(&mut out, values, write);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(outcome: Result<Tensor, Error>) -> String {
        outcome.unwrap_err().message().to_owned()
    }

    #[test]
    fn every_type_goes_both_ways() {
        let samples = [
            Values::Uint8(vec![0, 255]),
            Values::Int8(vec![-128, 127]),
            Values::Int16(vec![-2, 300]),
            Values::Int32(vec![-2, 70_000]),
            Values::Int64(vec![i64::MIN, i64::MAX]),
            Values::Float16(vec![f16::from_f32(0.5), f16::NEG_INFINITY]),
            Values::Float32(vec![0.1, f32::NEG_INFINITY]),
            Values::Float64(vec![0.1, -0.0]),
        ];
        for values in samples {
            let bytes = encode(&values).unwrap();
            let tensor = decode(values.dtype(), vec![2, 1], &bytes).unwrap();
            assert_eq!(
                (tensor.values(), tensor.shape(), tensor.name()),
                (&values, &[2, 1][..], "")
            );
            for wrong in [&bytes[1..], &[&bytes[..], &[0]].concat()] {
                let text = message(decode(values.dtype(), vec![2, 1], wrong));
                assert!(text.contains("of shape [2, 1]"), "{text}");
            }
        }
        assert_eq!(encode(&Values::Float32(vec![1.0])).unwrap()[..], [0, 0, 0x80, 0x3f]);
        assert_eq!(encode(&Values::String(vec![])), None);
        assert!(message(decode(DataType::String, vec![0], &[])).contains("strings"));
    }

    #[test]
    fn shapes_are_read() {
        assert_eq!(parse_shape("1,3, 224").unwrap(), [1, 3, 224]);
        assert_eq!(parse_shape("0").unwrap(), [0]);
        assert_eq!(parse_shape(&["1"; MAX_RANK].join(",")).unwrap().len(), MAX_RANK);
        assert!(parse_shape(&["1"; MAX_RANK + 1].join(",")).is_err());
        for text in ["", ",", "1,", "-1", "1x2", "1.0", "99999999999999999999"] {
            assert!(parse_shape(text).is_err(), "{text}");
        }
        assert!(decode(DataType::Float64, vec![usize::MAX, 2], &[]).is_err());
        assert!(decode(DataType::Float64, vec![usize::MAX / 4], &[]).is_err());
        assert!(decode(DataType::Float64, vec![usize::MAX, 0], &[]).is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes_of_the_right_number_are_a_tensor(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            for dtype in DataType::ALL {
                let Some(size) = element_size(dtype) else { continue };
                let outcome = decode(dtype, vec![bytes.len() / size], &bytes);
                prop_assert_eq!(outcome.is_ok(), bytes.len() % size == 0);
            }
        }
    }
}
