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
