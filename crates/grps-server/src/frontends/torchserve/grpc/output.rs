//! Writes `PredictionResponse`: the bytes that a handler returned.

use bytes::Bytes;
use grps_core::{Cause, Content, Error};

use crate::call::reply_stream::StreamEncoding;
use crate::codec::proto::encode::write_length;
use crate::codec::{Data, Outcome, proto};
use crate::frontends::grps_http::encode::json_message;

/// The response with an output: bytes and text as they are, anything else as the message in JSON
/// that `/predictions` returns.
///
/// # Errors
/// `ModelFailed` when user code returned a failure or a malformed message.
pub(super) fn encode(output: Content) -> Result<Vec<Bytes>, Error> {
    Ok(respond(prediction(output)?))
}

fn prediction(output: Content) -> Result<Bytes, Error> {
    let encoded = match output {
        Content::Raw(bytes) => return Ok(bytes),
        Content::Tensors(_) => return json_message(output).map(Bytes::from),
        Content::Message(encoded) => encoded,
    };
    let failed = |message: String| Error::new(Cause::ModelFailed, message);
    let message = proto::decode(&encoded).map_err(|error| failed(error.message().to_owned()))?;
    if let Some(status) = message.status.filter(|status| status.outcome == Outcome::FAILURE) {
        return Err(failed(status.msg.into_owned()));
    }
    match message.data {
        Data::None => Ok(Bytes::new()),
        Data::Binary(bytes) => Ok(bytes),
        Data::Text(text) => Ok(text.into()),
        _ => json_message(Content::Message(encoded)).map(Bytes::from),
    }
}

/// The message, whose bytes are not copied.
fn respond(prediction: Bytes) -> Vec<Bytes> {
    if prediction.is_empty() {
        return Vec::new();
    }
    let mut head = Vec::new();
    write_length(&mut head, 1, prediction.len());
    vec![head.into(), prediction]
}

/// Encodes the pieces of a response, each as a message.
pub(super) struct Pieces;

impl StreamEncoding for Pieces {
    type Chunk = Result<Vec<Bytes>, Error>;

    fn encode(&mut self, chunk: Content) -> Result<Self::Chunk, Error> {
        encode(chunk).map(Ok)
    }

    fn encode_failure(&mut self, failure: &Error) -> Self::Chunk {
        Err(failure.clone())
    }

    fn length(chunk: &Self::Chunk) -> usize {
        chunk.as_ref().map_or(0, |parts| parts.iter().map(Bytes::len).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{GrpsMessage, Status};

    fn text(message: &GrpsMessage) -> Result<Vec<u8>, Error> {
        encode(Content::Message(proto::encode(message))).map(|parts| parts.concat())
    }

    #[test]
    fn bytes_and_text_are_the_prediction() {
        assert_eq!(text(&GrpsMessage::of_text("ab".to_owned())).unwrap(), b"\x0a\x02ab");
        let bytes = GrpsMessage::of_binary(Bytes::from_static(b"\xff"));
        assert_eq!(text(&bytes).unwrap(), b"\x0a\x01\xff");
        assert_eq!(text(&GrpsMessage::default()).unwrap(), b"");
    }

    #[test]
    fn a_failure_of_user_code_fails_the_request() {
        let error = text(&GrpsMessage::of_status(Status::failure(500, "bad"))).unwrap_err();
        assert_eq!((error.cause(), error.message()), (Cause::ModelFailed, "bad"));
    }
}
