//! Writes `PredictResponse`.

use bytes::Bytes;
use grps_core::{Error, Tensor, quoted, shown};
use prost::Message as _;

use crate::codec::proto::encode::{write_bytes, write_length};
use crate::codec::proto::size::{field_size, varint_size};
use crate::frontends::tfserving::grpc::codec::tensor_writer;
use crate::frontends::tfserving::grpc::messages::ModelSpec;

/// Encodes a response with these outputs of the model, or all when none is named.
///
/// # Errors
/// `InvalidArgument` for an output that the model did not return.
pub(in crate::frontends::tfserving::grpc) fn encode(
    tensors: Vec<Tensor>,
    wanted: &[String],
    spec: &ModelSpec,
) -> Result<Vec<Bytes>, Error> {
    if let Some(missing) = wanted.iter().find(|name| !has(&tensors, name)) {
        let names: Vec<_> = tensors.iter().map(|tensor| quoted(tensor.name())).collect();
        return Err(Error::invalid(format!(
            "model {} has no output {}; it returned: {}",
            shown(&spec.name),
            quoted(missing),
            if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
        )));
    }
    let mut parts = Vec::with_capacity(1 + 3 * tensors.len());
    for tensor in &tensors {
        if wanted.is_empty() || wanted.iter().any(|name| name == tensor.name()) {
            write_output(&mut parts, tensor);
        }
    }
    let mut end = Vec::with_capacity(64);
    write_bytes(&mut end, 2, &spec.encode_to_vec());
    parts.push(end.into());
    Ok(parts)
}

fn has(tensors: &[Tensor], name: &str) -> bool {
    tensors.iter().any(|tensor| tensor.name() == name)
}

/// Writes an entry of the map of outputs.
fn write_output(parts: &mut Vec<Bytes>, tensor: &Tensor) {
    let head = parts.len();
    parts.push(Bytes::new());
    let length = tensor_writer::encode(tensor, parts);
    let name = tensor.name();
    let mut out = Vec::with_capacity(32 + name.len());
    let value = 1 + varint_size(length as u64) + length;
    write_length(&mut out, 1, field_size(name.len()) + value);
    write_bytes(&mut out, 1, name.as_bytes());
    write_length(&mut out, 2, length);
    if let Some(part) = parts.get_mut(head) {
        *part = out.into();
    }
}

#[cfg(test)]
mod tests {
    use grps_core::{DataType, Values};
    use half::{bf16, f16};

    use super::*;
    use crate::codec::Room;
    use crate::frontends::tfserving::grpc::codec::tensor_reader::TensorReader;
    use crate::frontends::tfserving::grpc::codec::test_messages as wire;

    fn tensor(name: &str, shape: &[usize], values: impl Into<Values>) -> Tensor {
        Tensor::new(name.into(), shape, values.into()).unwrap()
    }

    fn spec() -> ModelSpec {
        ModelSpec { name: "m".to_owned(), ..ModelSpec::default() }
    }

    fn response(tensors: Vec<Tensor>, wanted: &[&str]) -> Result<wire::PredictResponse, Error> {
        let wanted: Vec<_> = wanted.iter().map(|&name| name.to_owned()).collect();
        let parts = encode(tensors, &wanted, &spec())?;
        Ok(wire::PredictResponse::decode(Bytes::from(parts.concat())).unwrap())
    }

    #[test]
    fn floats_leave_in_their_own_memory() {
        let floats = tensor("y", &[2, 1], vec![1.0f32, -2.0]);
        let place = floats.elements().bytes().as_ptr();
        let parts = encode(vec![floats], &[], &spec()).unwrap();
        assert!(parts.iter().any(|part| part.as_ptr() == place));
    }

    #[test]
    fn elements_are_in_the_field_of_their_type() {
        let tensors = vec![
            tensor("f", &[2, 1], vec![1.0f32, -2.0]),
            tensor("i", &[2], vec![-1i32, 300]),
            tensor("u", &[1], vec![200u8]),
            tensor("b", &[2], vec![true, false]),
            tensor("h", &[1], vec![f16::from_f32(1.0)]),
            tensor("s", &[], vec![Bytes::from_static(b"ab")]),
            tensor("n", &[0, 3], Vec::<i64>::new()),
        ];
        let response = response(tensors, &[]).unwrap();
        assert_eq!(response.model_spec, Some(spec()));
        let of = |name: &str| response.outputs[name].clone();
        assert_eq!(of("f").float_val, [1.0, -2.0]);
        assert_eq!((of("f").dtype, of("f").sizes()), (1, vec![2, 1]));
        assert_eq!(of("i").int_val, [-1, 300]);
        assert_eq!(of("u").int_val, [200]);
        assert_eq!(of("b").bool_val, [true, false]);
        assert_eq!(of("h").half_val, [0x3c00]);
        assert_eq!(of("s").string_val, [&b"ab"[..]]);
        assert_eq!((of("s").sizes().len(), of("s").tensor_shape.is_some()), (0, true));
        assert_eq!((of("n").sizes(), of("n").int64_val.len()), (vec![0, 3], 0));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let large = Bytes::from(vec![b'x'; 100_000]);
        for values in [
            Values::Bool(vec![true, false]),
            Values::Uint8(vec![0, 255]),
            Values::Uint16(vec![0, u16::MAX]),
            Values::Uint32(vec![0, u32::MAX]),
            Values::Uint64(vec![0, u64::MAX]),
            Values::Int8(vec![i8::MIN, i8::MAX]),
            Values::Int16(vec![i16::MIN, i16::MAX]),
            Values::Int32(vec![i32::MIN, i32::MAX]),
            Values::Int64(vec![i64::MIN, i64::MAX]),
            Values::Float16(vec![f16::MIN, f16::MAX]),
            Values::Bfloat16(vec![bf16::MIN, bf16::MAX]),
            Values::Float32(vec![f32::MIN, f32::MAX]),
            Values::Float64(vec![f64::MIN, f64::MAX]),
            Values::String(vec![large, Bytes::from_static(b"\xff")]),
        ] {
            let tensor = tensor("x", &[1, 2], values);
            let mut parts = Vec::new();
            let length = tensor_writer::encode(&tensor, &mut parts);
            let bytes = Bytes::from(parts.concat());
            assert_eq!(bytes.len(), length);
            let mut reader = TensorReader::default();
            reader.add(&bytes).unwrap();
            let read = reader.finish("x", (&bytes, &Room::unlimited())).unwrap();
            assert_eq!(read, tensor);
        }
        assert_eq!(DataType::ALL.len(), 14);
    }

    #[test]
    fn outputs_are_filtered() {
        let tensors = || vec![tensor("a", &[1], vec![1i64]), tensor("b", &[1], vec![2i64])];
        let only = response(tensors(), &["b"]).unwrap();
        assert_eq!(only.outputs.keys().collect::<Vec<_>>(), ["b"]);
        let error = response(tensors(), &["c"]).unwrap_err();
        assert_eq!(error.message(), "model m has no output 'c'; it returned: 'a', 'b'");
    }
}
