//! Writes `ModelInferResponse` and `ModelStreamInferResponse`.

use bytes::Bytes;
use grps_core::Error;

use crate::codec::proto::encode::{VARINT, write_bytes, write_length, write_tag, write_varint};
use crate::codec::proto::size::{field_size, varint_size};
use crate::frontends::oip::inference::response::{InferResponse, Output};
use crate::frontends::oip::inference::shared_region::{BYTE_SIZE, OFFSET, REGION, RegionSlice};
use crate::frontends::oip::inference::{data_type, raw_tensor};

/// The parameter that says whether a response of a stream is the last one of its request.
const FINAL_RESPONSE: &str = "triton_final_response";
/// The field of raw contents.
const RAW_OUTPUT: u32 = 6;

/// The value of a parameter.
enum Value<'a> {
    Bool(bool),
    Int(u64),
    Text(&'a str),
}

/// Encodes a response.
///
/// # Errors
/// `InvalidArgument` when a string is too long for the protocol.
pub(crate) fn encode(response: &InferResponse<'_>) -> Result<Vec<Bytes>, Error> {
    write(response, None)
}

/// Encodes a response of a stream; `is_final` says whether it is the last one of its request.
///
/// # Errors
/// As [`encode`].
pub(crate) fn encode_streamed(
    response: &InferResponse<'_>,
    is_final: bool,
) -> Result<Vec<Bytes>, Error> {
    let mut parts = write(response, Some(is_final))?;
    let length = parts.iter().map(Bytes::len).sum();
    let mut head = Vec::with_capacity(16);
    write_length(&mut head, 2, length);
    parts.insert(0, head.into());
    Ok(parts)
}

/// Encodes the failure of a request of a stream.
pub(crate) fn encode_failure(id: &str, message: &str) -> Vec<Bytes> {
    let mut out = Vec::new();
    // An empty text would be no error.
    write_bytes(&mut out, 1, if message.is_empty() { "unknown error" } else { message }.as_bytes());
    write_length(&mut out, 2, if id.is_empty() { 0 } else { field_size(id.len()) });
    write_text(&mut out, 3, id);
    vec![out.into()]
}

fn write(response: &InferResponse<'_>, is_final: Option<bool>) -> Result<Vec<Bytes>, Error> {
    let mut out = Vec::with_capacity(256);
    write_text(&mut out, 1, response.model);
    write_text(&mut out, 2, response.version);
    write_text(&mut out, 3, response.id);
    if let Some(is_final) = is_final {
        write_parameter(&mut out, 4, FINAL_RESPONSE, &Value::Bool(is_final));
    }
    for output in &response.outputs {
        let described = describe(output);
        write_bytes(&mut out, 5, &described);
    }
    let mut parts = Vec::with_capacity(1 + 2 * response.outputs.len());
    for output in &response.outputs {
        write_elements(&mut out, &mut parts, output)?;
    }
    if !out.is_empty() {
        parts.push(out.into());
    }
    Ok(parts)
}

/// Writes the raw contents of an output: their frame to `out`, which then goes to `parts` before them.
fn write_elements(out: &mut Vec<u8>, parts: &mut Vec<Bytes>, output: &Output) -> Result<(), Error> {
    if output.region.is_some() {
        // Keeps the others at the position of their output.
        write_length(out, RAW_OUTPUT, 0);
        return Ok(());
    }
    let head = parts.len();
    parts.push(Bytes::new());
    let length = raw_tensor::encode(&output.tensor, parts)?;
    write_length(out, RAW_OUTPUT, length);
    if let Some(part) = parts.get_mut(head) {
        *part = std::mem::take(out).into();
    }
    Ok(())
}

/// An `InferOutputTensor` without elements.
fn describe(Output { tensor, region, .. }: &Output) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    write_text(&mut out, 1, tensor.name());
    write_text(&mut out, 2, data_type::name_of(tensor.dtype()));
    if !tensor.shape().is_empty() {
        let size = tensor.shape().iter().map(|size| varint_size(*size as u64)).sum();
        write_length(&mut out, 3, size);
        for size in tensor.shape() {
            write_varint(&mut out, *size as u64);
        }
    }
    if let Some(RegionSlice { region, offset, byte_size }) = region {
        write_parameter(&mut out, 4, REGION, &Value::Text(region));
        write_parameter(&mut out, 4, BYTE_SIZE, &Value::Int(*byte_size));
        if *offset > 0 {
            write_parameter(&mut out, 4, OFFSET, &Value::Int(*offset));
        }
    }
    out
}

/// An entry of a map of parameters.
fn write_parameter(out: &mut Vec<u8>, field: u32, name: &str, value: &Value<'_>) {
    let mut encoded = Vec::with_capacity(16);
    match value {
        Value::Bool(value) => {
            write_tag(&mut encoded, 1, VARINT);
            write_varint(&mut encoded, u64::from(*value));
        }
        Value::Int(value) => {
            write_tag(&mut encoded, 2, VARINT);
            write_varint(&mut encoded, *value);
        }
        Value::Text(text) => write_bytes(&mut encoded, 3, text.as_bytes()),
    }
    write_length(out, field, field_size(name.len()) + field_size(encoded.len()));
    write_bytes(out, 1, name.as_bytes());
    write_bytes(out, 2, &encoded);
}

/// A field of text, left out when it is empty.
fn write_text(out: &mut Vec<u8>, field: u32, text: &str) {
    if !text.is_empty() {
        write_bytes(out, field, text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use grps_core::{Tensor, Values};
    use prost::Message;

    use super::*;
    use crate::frontends::oip::grpc::codec::test_messages::{
        self as wire, ParameterValue, StreamResponse,
    };

    fn output(name: &str, shape: &[usize], values: Values) -> Output {
        let tensor = Tensor::new(name.into(), shape, values).unwrap();
        Output { tensor, binary: false, region: None }
    }

    fn response(outputs: Vec<Output>) -> InferResponse<'static> {
        InferResponse { model: "m", version: "1", id: "seven", outputs }
    }

    #[test]
    fn outputs_are_raw_contents_in_their_own_memory() {
        let floats = output("y", &[2, 1], Values::Float32(vec![1.0, -2.0]));
        let place = floats.tensor.elements().bytes().as_ptr();
        let texts = output("s", &[1], Values::String(vec![Bytes::from_static(b"ab")]));
        let none = output("n", &[0], Values::Int64(Vec::new()));
        let parts = encode(&response(vec![floats, texts, none])).unwrap();
        assert!(parts.iter().any(|part| part.as_ptr() == place));
        let decoded = wire::InferResponse::decode(Bytes::from(parts.concat())).unwrap();
        let expected = wire::InferResponse {
            model_name: "m".to_owned(),
            model_version: "1".to_owned(),
            id: "seven".to_owned(),
            outputs: vec![
                wire::input("y", "FP32", &[2, 1]),
                wire::input("s", "BYTES", &[1]),
                wire::input("n", "INT64", &[0]),
            ],
            raw_output_contents: vec![
                Bytes::from_static(&[0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]),
                Bytes::from_static(b"\x02\0\0\0ab"),
                Bytes::new(),
            ],
            ..wire::InferResponse::default()
        };
        assert_eq!(decoded, expected);
    }

    #[test]
    fn outputs_in_shared_memory_keep_the_position_of_the_others() {
        let region = RegionSlice { region: "r".to_owned(), offset: 300, byte_size: 8 };
        let shared = Output { region: Some(region), ..output("a", &[1], Values::Int64(vec![7])) };
        let parts = encode(&response(vec![shared, output("b", &[1], Values::Uint8(vec![9]))]));
        let decoded = wire::InferResponse::decode(Bytes::from(parts.unwrap().concat())).unwrap();
        assert_eq!(decoded.raw_output_contents, [&b""[..], &[9]]);
        let parameters = &decoded.outputs[0].parameters;
        let expected = [
            ("shared_memory_region", ParameterValue::Text("r".to_owned())),
            ("shared_memory_byte_size", ParameterValue::Int(8)),
            ("shared_memory_offset", ParameterValue::Int(300)),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.into()));
        assert_eq!(*parameters, expected.into());
    }

    #[test]
    fn responses_of_streams_say_whether_they_are_final() {
        for is_final in [false, true] {
            let large = output("y", &[100_000], Values::Uint8(vec![1; 100_000]));
            let parts = encode_streamed(&response(vec![large]), is_final).unwrap();
            let decoded = StreamResponse::decode(Bytes::from(parts.concat())).unwrap();
            let response = decoded.infer_response.unwrap();
            let value = ParameterValue::Bool(is_final).into();
            assert_eq!(response.parameters, [(FINAL_RESPONSE.to_owned(), value)].into());
            assert_eq!(response.raw_output_contents[0].len(), 100_000);
        }
        let empty = encode_streamed(&response(Vec::new()), true).unwrap();
        let decoded = StreamResponse::decode(Bytes::from(empty.concat())).unwrap();
        assert_eq!(decoded.infer_response.unwrap().id, "seven");
    }

    #[test]
    fn failures_name_their_request() {
        for id in ["seven", ""] {
            let parts = encode_failure(id, "no");
            let decoded = StreamResponse::decode(Bytes::from(parts.concat())).unwrap();
            assert_eq!(decoded.error_message, "no");
            assert_eq!(decoded.infer_response.unwrap().id, id);
        }
        let decoded = StreamResponse::decode(Bytes::from(encode_failure("", "").concat()));
        assert_eq!(decoded.unwrap().error_message, "unknown error");
    }
}
