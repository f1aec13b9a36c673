//! The OpenAI and Anthropic APIs of language models, without sockets and engines.
//!
//! A front end gives the bytes of a request to the function of its route, which checks all values:
//! [`read_chat`], [`read_completion`], [`read_responses`], [`read_messages`]. They return a
//! [`Generation`], whatever the API. What an engine generates becomes a [`WholeAnswer`] or an
//! [`AnswerStream`]:
//!
//! ```
//! # use grps_openai::*;
//! # fn main() -> Result<(), ApiError> {
//! let body = br#"{"model": "m", "stream": true, "messages": [{"role": "user", "content": "Hi"}]}"#;
//! let chat = read_chat(body, &Limits::default())?;
//!
//! let head = AnswerHead {
//!     request_id: "42".to_owned(),
//!     created: 1_764_000_000,
//!     model: chat.model.clone(),
//!     prompt_tokens: 9,
//!     cached_tokens: 0,
//! };
//! let options =
//!     StreamOptions { choices: chat.total_choices(), include_usage: chat.include_usage };
//! let mut out = Vec::new();
//! let mut stream = ChatStream::begin(&head, options, &mut out);
//! stream.text(0, "Hello!", &mut out);
//! let finish = Finish {
//!     reason: FinishReason::Stop,
//!     stop_string: None,
//!     completion_tokens: 2,
//!     reasoning_tokens: 0,
//! };
//! stream.finish(0, &finish, &mut out);
//! stream.end(&mut out);
//! assert!(out.ends_with(b"data: [DONE]\n\n"));
//! # Ok(())
//! # }
//! ```
//!
//! A [`Recording`] is the WAV file of a request for a transcript, as samples and in parts.
//!
//! Errors are [`ApiError`]s, which know their status and the body of either API. Nothing blocks and
//! nothing is global; identifiers and times are given.

mod answer;
mod audio;
mod error;
mod limits;
mod reading;
mod request;

pub use answer::{
    AnswerHead, AnswerStream, ChatStream, CompletionStream, Finish, FinishReason, ListedModel,
    MessageStream, Ranked, ResponseStream, StreamOptions, TokenLogprob, TopLogprob, Transcript,
    TranscriptPart, WholeAnswer, detokenize_body, embeddings_body, input_tokens_body, model_body,
    models_body, rerank_body, tokenize_body,
};
pub use audio::{Recording, RecordingPart};
pub use error::{ApiError, ErrorKind};
pub use limits::{
    Limits, MAX_BAD_WORDS, MAX_BIASES, MAX_STOP_BYTES, MAX_STOP_STRINGS, MAX_STOP_TOKENS,
    MAX_TOP_LOGPROBS,
};
pub use request::{
    Detokenize, EmbeddingEncoding, Embeddings, Generation, Media, MediaKind, MediaSource,
    OutputFormat, Prompt, Rerank, ResponsesRequest, Sampling, TemplateOptions, Tokenize, Tool,
    ToolChoice, TranscriptFormat, TranscriptionFields, Truncation, read_chat, read_completion,
    read_count_tokens, read_detokenize, read_embeddings, read_messages, read_rerank,
    read_responses, read_tokenize, read_transcription,
};
