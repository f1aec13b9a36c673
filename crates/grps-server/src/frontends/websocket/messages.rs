//! Chunks and failures as messages of WebSocket.

use bytes::Bytes;
use grps_core::{Content, Error};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Utf8Bytes;

use crate::call::reply_stream::StreamEncoding;
use crate::frontends::grps_http::encode::{Encoded, chunk, failure_text};

/// What the last message of a request has besides its status.
const FINAL: &[u8] = b",\"final\":true}";
const SUCCESS: &str = r#"{"status":{"code":200,"msg":"OK","status":"SUCCESS"},"final":true}"#;

/// A message of a response.
#[derive(Debug, PartialEq)]
pub(super) enum Reply {
    /// A chunk.
    Chunk(Message),
    /// The last message of a request that failed.
    Failure(Message),
}

/// Encodes the chunks of a request: a text per message of GRPS in JSON, and bytes as they are.
pub(super) struct MessageChunks;

impl StreamEncoding for MessageChunks {
    type Chunk = Reply;

    fn encode(&mut self, content: Content) -> Result<Reply, Error> {
        Ok(Reply::Chunk(match chunk(content)? {
            Encoded::Json(text) => text_message(text),
            Encoded::Binary(bytes) => Message::Binary(bytes),
        }))
    }

    fn encode_failure(&mut self, failure: &Error) -> Reply {
        Reply::Failure(failed(failure))
    }

    fn length(chunk: &Reply) -> usize {
        match chunk {
            Reply::Chunk(message) | Reply::Failure(message) => message.len(),
        }
    }
}

/// The last message of a request that succeeded.
pub(super) fn succeeded() -> Message {
    Message::text(SUCCESS)
}

/// The last message of a request that failed.
pub(super) fn failed(error: &Error) -> Message {
    let mut text = failure_text(error);
    // The message is an object, and ends with its bracket.
    text.pop();
    text.extend_from_slice(FINAL);
    text_message(text)
}

fn text_message(text: Vec<u8>) -> Message {
    match Utf8Bytes::try_from(Bytes::from(text)) {
        Ok(text) => Message::Text(text),
        // The encoder writes UTF-8 only.
        Err(_) => Message::text(SUCCESS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_and_failures_are_messages() {
        let text = MessageChunks.encode(Content::Message(Bytes::new())).unwrap();
        let expected = SUCCESS.replace(",\"final\":true", "");
        assert_eq!(text, Reply::Chunk(Message::text(expected)));
        let bytes = MessageChunks.encode(Content::Raw(Bytes::from_static(b"\xff"))).unwrap();
        assert_eq!(bytes, Reply::Chunk(Message::Binary(Bytes::from_static(b"\xff"))));
        let last = MessageChunks.encode_failure(&Error::invalid("no"));
        let expected = r#"{"status":{"code":400,"msg":"no","status":"FAILURE"},"final":true}"#;
        assert_eq!(last, Reply::Failure(Message::text(expected)));
    }
}
