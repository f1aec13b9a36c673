//! A tensor as nothing but its elements, little-endian and in C order.

use bytes::Bytes;
use grps_core::{DataType, Error, MAX_RANK, Tensor, Values};

use super::fault::excerpt;

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
    let Some(width) = dtype.width() else {
        return Err(Error::invalid("a tensor of strings can't be sent as raw bytes; send JSON"));
    };
    let count = shape.iter().try_fold(1usize, |count, size| count.checked_mul(*size));
    if count.and_then(|count| count.checked_mul(width)) != Some(bytes.len()) {
        return Err(Error::invalid(format!(
            "the body has {} bytes, which is no {} of shape {shape:?}",
            bytes.len(),
            dtype.name()
        )));
    }
    let values = Values::read(dtype, bytes.len() / width, |elements| {
        elements.copy_from_slice(bytes);
        Ok::<_, Error>(())
    })?;
    Tensor::new(String::new(), shape, values)
}

/// The elements of a tensor; `None` for strings, which have no fixed size.
pub fn encode(values: &Values) -> Option<Bytes> {
    values.dtype().width().map(|_| Bytes::copy_from_slice(values.bytes()))
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
                let Some(size) = dtype.width() else { continue };
                let outcome = decode(dtype, vec![bytes.len() / size], &bytes);
                prop_assert_eq!(outcome.is_ok(), bytes.len() % size == 0);
            }
        }
    }
}
