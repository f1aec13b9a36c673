//! Encodes outputs, chunks and errors for GRPS over HTTP: JSON messages or bytes.

use bytes::Bytes;
use grps_core::{Cause, Content, Error, Tensor};
use http::{HeaderName, HeaderValue, Response, StatusCode};

use crate::call::reply_stream::StreamEncoding;
use crate::call::status::grps_status;
use crate::codec::{Data, GrpsMessage, Outcome, Status, WireType, json, proto, raw};
use crate::frontends::shared::response::{self, BINARY, JSON};
use crate::net::http::reply_body::ReplyBody;

/// Headers with the type and shape of a raw tensor.
const DTYPE: HeaderName = HeaderName::from_static("x-grps-dtype");
const SHAPE: HeaderName = HeaderName::from_static("x-grps-shape");

/// The form of the output that a client requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OutputForm {
    /// A GRPS message in JSON; `bin_data` as its bytes.
    Message,
    /// A nested array in JSON.
    NdArray,
    /// The raw elements of the only tensor.
    RawTensor,
}

/// An encoded output.
pub(crate) enum Encoded {
    /// A message.
    Json(Vec<u8>),
    /// Bytes without a message.
    Binary(Bytes),
}

/// 200 with a whole output.
///
/// # Errors
/// `ModelFailed` when the output can't be encoded in this form.
pub(super) fn whole(output: Content, form: OutputForm) -> Result<Response<ReplyBody>, Error> {
    let encoded = match (output, form) {
        (Content::Tensors(tensors), OutputForm::RawTensor) => return raw_tensor(&tensors),
        (Content::Tensors(tensors), OutputForm::NdArray) => ndarray(&tensors)?,
        (Content::Message(message), OutputForm::NdArray) => ndarray_of_message(&message)?,
        (output, _) => encode(output, success)?,
    };
    Ok(match encoded {
        Encoded::Json(text) => response::json(text),
        Encoded::Binary(bytes) => response::respond(StatusCode::OK, BINARY, bytes),
    })
}

/// The response to an error: a GRPS message without a traceback.
pub(crate) fn failure(error: &Error) -> Response<ReplyBody> {
    response::failure(error, JSON, failure_text(error))
}

/// 200 with a GRPS message.
pub(super) fn message(data: Data) -> Response<ReplyBody> {
    let message = GrpsMessage { data, ..GrpsMessage::of_status(Status::ok()) };
    response::json(json::encode(&message))
}

/// Encodes chunks as GRPS messages in JSON, or as bytes for `bin_data`.
pub(crate) struct MessageChunks;

impl StreamEncoding for MessageChunks {
    type Chunk = Bytes;

    fn encode(&mut self, chunk: Content) -> Result<Bytes, Error> {
        Ok(match self::chunk(chunk)? {
            Encoded::Json(text) => text.into(),
            Encoded::Binary(bytes) => bytes,
        })
    }

    fn encode_failure(&mut self, failure: &Error) -> Bytes {
        failure_text(failure).into()
    }

    fn length(chunk: &Bytes) -> usize {
        chunk.len()
    }
}

/// Encodes a chunk of user code or of a model.
///
/// # Errors
/// `ModelFailed` when user code returned a malformed message.
pub(crate) fn chunk(content: Content) -> Result<Encoded, Error> {
    encode(content, success_unless_failed)
}

/// An output as a message in JSON, also where it is bytes.
///
/// # Errors
/// `ModelFailed` when user code returned a malformed message.
pub(crate) fn json_message(output: Content) -> Result<Vec<u8>, Error> {
    Ok(match encode(output, success)? {
        Encoded::Json(text) => text,
        Encoded::Binary(bytes) => binary_text(bytes),
    })
}

/// Bytes as a message in JSON.
pub(super) fn binary_text(bytes: Bytes) -> Vec<u8> {
    let status = Some(Status::ok());
    json::encode(&GrpsMessage { status, ..GrpsMessage::of_binary(bytes) })
}

/// Encodes an output or a chunk; `status` maps the status of user code to the final status.
fn encode(content: Content, status: fn(Option<Status>) -> Status) -> Result<Encoded, Error> {
    match content {
        Content::Tensors(tensors) => {
            json::encode_tensors(Some(&Status::ok()), "", &tensors).map(Encoded::Json)
        }
        Content::Raw(bytes) => Ok(Encoded::Binary(bytes)),
        Content::Message(encoded) => {
            let mut message = proto::decode(&encoded).map_err(model_failed)?;
            match message.data {
                Data::Binary(bytes) if !bytes.is_empty() => Ok(Encoded::Binary(bytes)),
                _ => {
                    message.status = Some(status(message.status));
                    Ok(Encoded::Json(json::encode(&message)))
                }
            }
        }
    }
}

fn success(_: Option<Status>) -> Status {
    Status::ok()
}

fn success_unless_failed(status: Option<Status>) -> Status {
    status.filter(|status| status.outcome == Outcome::FAILURE).unwrap_or_else(Status::ok)
}

/// The message of an error in JSON.
pub(crate) fn failure_text(error: &Error) -> Vec<u8> {
    json::encode(&GrpsMessage::of_status(grps_status(error)))
}

fn ndarray(tensors: &[Tensor]) -> Result<Encoded, Error> {
    json::encode_ndarray(Some(&Status::ok()), tensors).map(Encoded::Json)
}

fn ndarray_of_message(encoded: &Bytes) -> Result<Encoded, Error> {
    let message = proto::decode(encoded).map_err(model_failed)?;
    match message.data {
        Data::Binary(bytes) if !bytes.is_empty() => Ok(Encoded::Binary(bytes)),
        Data::Tensors(_) => ndarray(&message.into_tensors().map_err(model_failed)?),
        other => Err(Error::invalid(format!(
            "the model returned {}, which can't be an ndarray; ask without return-ndarray",
            other.field_name()
        ))),
    }
}

/// The elements of the only tensor of an output, with its type and shape in headers.
///
/// # Errors
/// `InvalidArgument` when the client asked for bytes of an output that can't be sent so.
fn raw_tensor(tensors: &[Tensor]) -> Result<Response<ReplyBody>, Error> {
    let [tensor] = tensors else {
        let count = tensors.len();
        return Err(Error::invalid(format!(
            "the model returned {count} tensors, but a raw body contains only one; accept JSON"
        )));
    };
    let mut response = response::respond(StatusCode::OK, BINARY, raw::encode(tensor)?);
    let shape: Vec<String> = tensor.shape().iter().map(usize::to_string).collect();
    let headers = response.headers_mut();
    let dtype = WireType::of(tensor.dtype()).map_or(tensor.dtype(), WireType::dtype);
    headers.insert(DTYPE, HeaderValue::from_static(dtype.name()));
    if let Ok(shape) = HeaderValue::from_str(&shape.join(",")) {
        headers.insert(SHAPE, shape);
    }
    Ok(response)
}

/// The error for an invalid output of the model or user code.
fn output_error(message: impl Into<String>) -> Error {
    Error::new(Cause::ModelFailed, message)
}

fn model_failed(error: Error) -> Error {
    output_error(error.message())
}
