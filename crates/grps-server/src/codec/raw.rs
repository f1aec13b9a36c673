//! A tensor as nothing but its elements, little-endian and in C order.

use std::sync::Arc;

use bytes::Bytes;
use grps_core::{Buffer, DataType, Elements, Error, MAX_RANK, Tensor, Values, element_count};

use super::fault::excerpt;
use super::wire_type::WireType;

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

/// Reads an unnamed tensor of this type and shape; its memory is the bytes', if they are aligned.
/// The bytes are the one element of a tensor of strings.
///
/// # Errors
/// `InvalidArgument` when the bytes are not as many as it takes, or for several strings.
pub fn decode(dtype: DataType, shape: Vec<usize>, bytes: &Bytes) -> Result<Tensor, Error> {
    let count = element_count(&shape);
    let Some(width) = dtype.width() else {
        if count == Some(1) {
            return Tensor::new(Arc::default(), shape, Values::String(vec![bytes.clone()]));
        }
        return Err(Error::invalid(
            "a tensor of strings can't be sent as raw bytes unless it is one string, shape=1; \
             send JSON",
        ));
    };
    let whole = count.and_then(|count| count.checked_mul(width)) == Some(bytes.len());
    match Buffer::from_bytes(dtype, bytes.clone()) {
        Some(buffer) if whole => Tensor::new(Arc::default(), shape, buffer),
        _ => Err(Error::invalid(format!(
            "the body has {} bytes, which is no {dtype} of shape {shape:?}",
            bytes.len(),
        ))),
    }
}

/// The elements of a tensor that a model returned, in the tensor's memory; a single string as its
/// bytes.
///
/// # Errors
/// `ModelFailed` for types that the wire lacks; `InvalidArgument` for several strings, as their ends
/// would be lost.
pub fn encode(tensor: &Tensor) -> Result<Bytes, Error> {
    WireType::of_output(tensor)?;
    if let Elements::String([only]) = tensor.elements() {
        return Ok(only.clone());
    }
    let strings = || Error::invalid("the model returned several strings; accept JSON");
    tensor.buffer().clone().into_bytes().ok_or_else(strings)
}

#[cfg(test)]
mod tests {
    use half::f16;
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
            let sent = Tensor::new(Arc::default(), vec![2, 1], values).unwrap();
            let bytes = encode(&sent).unwrap();
            assert_eq!(bytes.as_ptr(), sent.elements().bytes().as_ptr());
            assert_eq!(decode(sent.dtype(), vec![2, 1], &bytes).unwrap(), sent);
            for wrong in [bytes.slice(1..), [&bytes[..], &[0]].concat().into()] {
                let text = message(decode(sent.dtype(), vec![2, 1], &wrong));
                assert!(text.contains("of shape [2, 1]"), "{text}");
            }
        }
        let one = Tensor::new(Arc::default(), vec![], Values::Float32(vec![1.0])).unwrap();
        assert_eq!(encode(&one).unwrap()[..], [0, 0, 0x80, 0x3f]);
        let none = Tensor::new(Arc::default(), vec![0], Values::String(vec![])).unwrap();
        assert!(encode(&none).unwrap_err().message().contains("several strings"));
        assert!(message(decode(DataType::String, vec![0], &Bytes::new())).contains("strings"));
    }

    #[test]
    fn a_single_string_is_its_bytes() {
        let body = Bytes::from_static(&[0xff, 0xd8]);
        for shape in [vec![], vec![1], vec![1, 1]] {
            let tensor = decode(DataType::String, shape, &body).unwrap();
            assert_eq!(tensor.elements(), Elements::String(std::slice::from_ref(&body)));
            assert_eq!(encode(&tensor).unwrap(), body);
        }
        assert!(message(decode(DataType::String, vec![2], &body)).contains("shape=1"));
    }

    #[test]
    fn the_network_buffer_is_the_memory() {
        let body = Bytes::from(vec![0u8; 24]);
        for start in 0..8 {
            let part = body.slice(start..start + 16);
            let tensor = decode(DataType::Float64, vec![2], &part).unwrap();
            let shared = tensor.elements().bytes().as_ptr() == part.as_ptr();
            assert_eq!(shared, part.as_ptr().addr().is_multiple_of(8));
        }
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
        assert!(decode(DataType::Float64, vec![usize::MAX, 2], &Bytes::new()).is_err());
        assert!(decode(DataType::Float64, vec![usize::MAX / 4], &Bytes::new()).is_err());
        assert!(decode(DataType::Float64, vec![usize::MAX / 16, 0], &Bytes::new()).is_ok());
        assert!(decode(DataType::Float64, vec![usize::MAX, 0], &Bytes::new()).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_of_the_right_number_are_a_tensor(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let bytes = Bytes::from(bytes);
            for dtype in DataType::ALL {
                let Some(size) = dtype.width() else { continue };
                let outcome = decode(dtype, vec![bytes.len() / size], &bytes);
                prop_assert_eq!(outcome.is_ok(), bytes.len() % size == 0);
            }
        }
    }
}
