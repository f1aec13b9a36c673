//! The four shapes in which text is generated.

use grps_core::Error;
use grps_openai::{
    AnswerHead, AnswerStream, ApiError, ChatStream, CompletionStream, Generation, Limits,
    MessageStream, ResponseStream, StreamOptions, WholeAnswer, read_chat, read_completion,
    read_messages, read_responses,
};
use http::Response;
use serde_json::{Map, Value};

use crate::frontends::openai::errors;
use crate::net::http::reply_body::ReplyBody;

/// A shape of requests and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Api {
    /// `/v1/chat/completions`.
    Chat,
    /// `/v1/completions`.
    Completion,
    /// `/v1/responses`.
    Response,
    /// Anthropic's `/v1/messages`.
    Message,
}

impl Api {
    /// Reads a request, with the fields that its response repeats.
    ///
    /// # Errors
    /// It is too large, or a field is wrong.
    pub(super) fn read(
        self,
        body: &[u8],
        limits: &Limits,
    ) -> Result<(Generation, Map<String, Value>), ApiError> {
        let plain = |generation| (generation, Map::new());
        match self {
            Self::Chat => read_chat(body, limits).map(plain),
            Self::Completion => read_completion(body, limits).map(plain),
            Self::Message => read_messages(body, limits).map(plain),
            Self::Response => {
                read_responses(body, limits).map(|read| (read.generation, read.repeated))
            }
        }
    }

    /// Begins a stream; what is appended to `out` is its beginning.
    pub(super) fn stream(
        self,
        head: AnswerHead,
        options: StreamOptions,
        repeated: Map<String, Value>,
        out: &mut Vec<u8>,
    ) -> Box<dyn AnswerStream> {
        match self {
            Self::Chat => Box::new(ChatStream::begin(&head, options, out)),
            Self::Completion => Box::new(CompletionStream::begin(&head, options)),
            Self::Message => Box::new(MessageStream::begin(&head, out)),
            Self::Response => Box::new(ResponseStream::begin(head, repeated, out)),
        }
    }

    /// Writes a whole answer.
    ///
    /// # Errors
    /// A choice has not ended.
    pub(super) fn whole(
        self,
        answer: &WholeAnswer,
        repeated: &Map<String, Value>,
    ) -> Result<Vec<u8>, ApiError> {
        match self {
            Self::Chat => answer.chat_body(),
            Self::Completion => answer.completion_body(),
            Self::Message => answer.message_body(),
            Self::Response => answer.response_body(repeated),
        }
    }

    /// The field of a request that has its prompt.
    pub(super) fn prompt_field(self) -> &'static str {
        match self {
            Self::Chat | Self::Message => "messages",
            Self::Completion => "prompt",
            Self::Response => "input",
        }
    }

    /// The response to a request that failed.
    pub(super) fn failure(self, error: &Error) -> Response<ReplyBody> {
        errors::respond(self, &errors::of_engine(error), Some(error))
    }

    /// The response to a request with a wrong field.
    pub(super) fn refusal(self, error: &ApiError) -> Response<ReplyBody> {
        errors::respond(self, error, None)
    }
}
