//! A predict call with an encoded `GrpsMessage`, as an inference request.

use bytes::Bytes;
use grps_core::{Cause, Content, Error, InputForm, Route, SchedulingOptions};
use http::HeaderMap;

use crate::call::call::Call;
use crate::call::inference::{Decoded, Inference};
use crate::codec::{GrpsMessage, Status, proto};
use crate::frontends::shared::inference::content::to_content;
use crate::frontends::shared::input;
use crate::frontends::shared::resolve::resolve;

/// Metadata by which a client asks for tensors with raw elements.
const RAW_TENSORS: &str = "grps-raw-tensors";

/// A predict call whose message has been read.
pub(crate) struct Predict {
    /// The encoded `GrpsMessage`; dropped after decoding.
    pub(crate) message: Bytes,
    /// What the route may depend on besides the model: metadata of gRPC, fields of bRPC.
    pub(crate) attributes: HeaderMap,
    /// Deadline, priority and the like.
    pub(crate) options: SchedulingOptions,
}

impl Inference for Predict {
    type Reply = Bytes;

    fn decode_bytes(&self) -> usize {
        self.message.len()
    }

    fn decode(&mut self, call: &Call) -> Result<Decoded, Error> {
        let message = std::mem::take(&mut self.message);
        let (route, content) = decode(call, message, &self.attributes)?;
        Ok(Decoded { route, content, options: self.options.clone(), attachment: None })
    }

    fn encode_bytes(&self, output: &Content) -> usize {
        output.byte_len()
    }

    fn encode(&self, output: Content) -> Result<Bytes, Error> {
        let with_status = |message: &Bytes| proto::with_status(message, &Status::ok());
        encode(output, with_status, takes_raw(&self.attributes))
    }
}

/// Whether a client takes tensors with raw elements.
pub(crate) fn takes_raw(attributes: &HeaderMap) -> bool {
    attributes.get(RAW_TENSORS).is_some_and(|value| value == "1")
}

/// Decodes an encoded message to the input of its route.
///
/// # Errors
/// `InvalidArgument` for a malformed message, and the errors of [`Call::resolve`].
pub(crate) fn decode(
    call: &Call,
    message: Bytes,
    attributes: &HeaderMap,
) -> Result<(Route, Content), Error> {
    let route = resolve(call, proto::peek_model(&message)?, attributes)?;
    let bytes = message.len();
    let content = call.scope.within_room(bytes, |room| match route.form() {
        InputForm::Message if proto::has_raw(&message) => {
            // User code reads flat_* fields.
            let tensors = proto::decode_within(&message, room)?.into_tensors()?;
            to_content(&route, tensors, bytes, room)
        }
        InputForm::Message => input::to_message(&route, message, bytes, room),
        InputForm::Tensors => {
            let message = proto::decode_within(&message, room)?;
            input::to_tensors(&route, message, room).map(Content::Tensors)
        }
    })?;
    Ok((route, content))
}

/// Encodes an output or a chunk; `with_status` adds the status to a message of user code. Tensors have
/// raw elements if the client takes them.
///
/// # Errors
/// `ModelFailed` when user code returned a malformed message.
pub(crate) fn encode(
    content: Content,
    with_status: fn(&Bytes) -> Result<Bytes, Error>,
    takes_raw: bool,
) -> Result<Bytes, Error> {
    match content {
        Content::Tensors(tensors) if takes_raw => {
            let pieces = proto::encode_raw(Some(&Status::ok()), "", &tensors)?;
            Ok(joined(pieces))
        }
        Content::Tensors(tensors) => proto::encode_tensors(Some(&Status::ok()), "", &tensors),
        Content::Message(message) => {
            with_status(&message).map_err(|error| Error::new(Cause::ModelFailed, error.message()))
        }
        Content::Raw(bytes) => {
            let status = Some(Status::ok());
            Ok(proto::encode(&GrpsMessage { status, ..GrpsMessage::of_binary(bytes) }))
        }
    }
}

fn joined(mut pieces: Vec<Bytes>) -> Bytes {
    match pieces.pop() {
        Some(only) if pieces.is_empty() => only,
        Some(last) => {
            pieces.push(last);
            pieces.concat().into()
        }
        None => Bytes::new(),
    }
}
