//! Requests: one file per route, and what the routes have in common.

mod chat;
mod chat_messages;
mod completions;
mod embeddings;
mod generation;
mod media;
mod messages;
mod messages_turns;
mod output_format;
mod rerank;
mod responses;
mod responses_items;
mod sampling;
mod tokens;
mod tools;
mod transcription;
mod truncation;

pub use chat::read_chat;
pub use completions::read_completion;
pub use embeddings::{EmbeddingEncoding, Embeddings, read_embeddings};
pub use generation::{Generation, Prompt, TemplateOptions};
pub use media::{Media, MediaKind, MediaSource};
pub use messages::{read_count_tokens, read_messages};
pub use output_format::OutputFormat;
pub use rerank::{Rerank, read_rerank};
pub use responses::{ResponsesRequest, read_responses};
pub use sampling::Sampling;
pub use tokens::{Detokenize, Tokenize, read_detokenize, read_tokenize};
pub use tools::{Tool, ToolChoice};
pub use transcription::{TranscriptFormat, TranscriptionFields, read_transcription};
pub use truncation::Truncation;
