//! An inference response in JSON, with binary data behind it.

use bytes::Bytes;
use grps_core::{Error, quoted};
use http::{HeaderName, HeaderValue, Response, StatusCode};

use crate::codec::json::{encode_flat, encode_string};
use crate::frontends::oip::http::reply;
use crate::frontends::oip::inference::data_type;
use crate::frontends::oip::inference::raw_tensor;
use crate::frontends::oip::inference::response::{InferResponse, Output};
use crate::frontends::oip::inference::shared_region::{BYTE_SIZE, OFFSET, REGION};
use crate::frontends::shared::response::{self, BINARY};
use crate::net::http::reply_body::ReplyBody;

/// The header with the length of the JSON before binary data.
pub(super) const JSON_LENGTH: HeaderName =
    HeaderName::from_static("inference-header-content-length");

/// Bytes to reserve for the JSON of a response, for each output, and for an element in JSON.
const HEAD_BYTES: usize = 96;
const OUTPUT_BYTES: usize = 128;
const ELEMENT_BYTES: usize = 8;

/// 200 with a response.
///
/// # Errors
/// `InvalidArgument` for strings that are not UTF-8 and not requested as binary data.
pub(super) fn whole(response: &InferResponse<'_>) -> Result<Response<ReplyBody>, Error> {
    // The first place is for the JSON.
    let mut parts = vec![Bytes::new()];
    let text = encode(response, &mut parts)?;
    if response.outputs.iter().all(|output| !output.binary) {
        return Ok(reply::json(text));
    }
    let length = text.len();
    if let Some(first) = parts.first_mut() {
        *first = text.into();
    }
    let mut reply = response::respond(StatusCode::OK, BINARY, Bytes::new());
    *reply.body_mut() = ReplyBody::from(parts);
    reply.headers_mut().insert(JSON_LENGTH, HeaderValue::from(length));
    Ok(reply)
}

fn encode(response: &InferResponse<'_>, parts: &mut Vec<Bytes>) -> Result<Vec<u8>, Error> {
    let elements = |output: &Output| {
        let in_json = !output.binary && output.region.is_none();
        if in_json { output.tensor.elements().len() } else { 0 }
    };
    let count: usize = response.outputs.iter().map(elements).sum();
    let outputs = response.outputs.len() * OUTPUT_BYTES;
    let mut out = Vec::with_capacity(HEAD_BYTES + outputs + count.saturating_mul(ELEMENT_BYTES));
    encode_head(&mut out, response);
    out.extend_from_slice(b",\"outputs\":[");
    for (index, output) in response.outputs.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        encode_output(&mut out, output, parts)?;
    }
    out.extend_from_slice(b"]}");
    Ok(out)
}

/// Writes the names of a response without the brace at the end.
pub(super) fn encode_head(out: &mut Vec<u8>, response: &InferResponse<'_>) {
    out.extend_from_slice(b"{\"model_name\":");
    encode_string(out, response.model);
    out.extend_from_slice(b",\"model_version\":");
    encode_string(out, response.version);
    if !response.id.is_empty() {
        out.extend_from_slice(b",\"id\":");
        encode_string(out, response.id);
    }
}

fn encode_output(out: &mut Vec<u8>, output: &Output, parts: &mut Vec<Bytes>) -> Result<(), Error> {
    let Output { tensor, binary, region } = output;
    out.extend_from_slice(b"{\"name\":");
    encode_string(out, tensor.name());
    out.extend_from_slice(b",\"datatype\":\"");
    out.extend_from_slice(data_type::name_of(tensor.dtype()).as_bytes());
    out.extend_from_slice(b"\",\"shape\":[");
    for (index, size) in tensor.shape().iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        integer(out, *size as u64);
    }
    out.push(b']');
    if let Some(region) = region {
        out.extend_from_slice(b",\"parameters\":{");
        name(out, REGION);
        encode_string(out, &region.region);
        out.push(b',');
        name(out, OFFSET);
        integer(out, region.offset);
        out.push(b',');
        name(out, BYTE_SIZE);
        integer(out, region.byte_size);
        out.push(b'}');
    } else if *binary {
        out.extend_from_slice(b",\"parameters\":{\"binary_data_size\":");
        integer(out, raw_tensor::encode(tensor, parts)? as u64);
        out.push(b'}');
    } else {
        out.extend_from_slice(b",\"data\":");
        if !encode_flat(out, tensor.elements()) {
            let name = quoted(tensor.name());
            return Err(Error::invalid(format!(
                "output {name} has strings that are not UTF-8; request it as binary data"
            )));
        }
    }
    out.push(b'}');
    Ok(())
}

fn name(out: &mut Vec<u8>, name: &str) {
    encode_string(out, name);
    out.push(b':');
}

fn integer(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

#[cfg(test)]
mod tests {
    use grps_core::{Tensor, Values};

    use super::*;
    use crate::frontends::oip::inference::shared_region::RegionSlice;

    fn output(name: &str, values: impl Into<Values>, binary: bool) -> Output {
        let values = values.into();
        let tensor = Tensor::new(name.into(), vec![1, values.len()], values).unwrap();
        Output { tensor, binary, region: None }
    }

    fn response(outputs: Vec<Output>) -> InferResponse<'static> {
        InferResponse { model: "m", version: "1", id: "a\"b", outputs }
    }

    fn parts(outputs: Vec<Output>) -> (String, Vec<Bytes>) {
        let mut parts = Vec::new();
        let text = encode(&response(outputs), &mut parts).unwrap();
        (String::from_utf8(text).unwrap(), parts)
    }

    #[test]
    fn outputs_are_in_json_or_behind_it() {
        let json = output("y", vec![0.5f32, 2.0], false);
        let binary = output("z", vec![1u8, 2, 3], true);
        let region = Some(RegionSlice { region: "r".to_owned(), offset: 4, byte_size: 2 });
        let shared = Output { region, ..output("s", vec![true, false], true) };
        let (text, parts) = parts(vec![json, binary, shared]);
        assert_eq!(
            text,
            "{\"model_name\":\"m\",\"model_version\":\"1\",\"id\":\"a\\\"b\",\"outputs\":[\
             {\"name\":\"y\",\"datatype\":\"FP32\",\"shape\":[1,2],\"data\":[0.5,2.0]},\
             {\"name\":\"z\",\"datatype\":\"UINT8\",\"shape\":[1,3],\
             \"parameters\":{\"binary_data_size\":3}},\
             {\"name\":\"s\",\"datatype\":\"BOOL\",\"shape\":[1,2],\"parameters\":\
             {\"shared_memory_region\":\"r\",\"shared_memory_offset\":4,\
             \"shared_memory_byte_size\":2}}]}"
        );
        assert_eq!(parts, [Bytes::from_static(&[1, 2, 3])]);
    }

    #[test]
    fn the_header_has_the_length_of_the_json() {
        let reply = whole(&response(vec![output("z", vec![1u8, 2, 3], true)])).unwrap();
        let (text, _) = parts(vec![output("z", vec![1u8, 2, 3], true)]);
        assert_eq!(reply.headers()[JSON_LENGTH], text.len().to_string());
        let plain = whole(&response(vec![output("z", vec![1u8], false)])).unwrap();
        assert!(!plain.headers().contains_key(JSON_LENGTH));
        let bytes = output("z", vec![Bytes::from_static(b"\xff")], false);
        assert!(whole(&response(vec![bytes])).is_err());
    }
}
