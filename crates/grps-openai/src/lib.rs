//! The OpenAI and Anthropic APIs of language models. It knows neither sockets nor engines.

mod error;
mod limits;
mod reading;
mod request;

pub use error::{ApiError, ErrorKind};
pub use limits::{
    Limits, MAX_BAD_WORDS, MAX_BIASES, MAX_STOP_BYTES, MAX_STOP_STRINGS, MAX_STOP_TOKENS,
    MAX_TOP_LOGPROBS,
};
pub use request::{
    Detokenize, EmbeddingEncoding, Embeddings, Generation, Media, MediaKind, MediaSource,
    OutputFormat, Prompt, Rerank, ResponsesRequest, Sampling, TemplateOptions, Tokenize, Tool,
    ToolChoice, read_chat, read_completion, read_count_tokens, read_detokenize, read_embeddings,
    read_messages, read_rerank, read_responses, read_tokenize,
};
