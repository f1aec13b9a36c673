//! Why a vocabulary, stop strings or logits are refused.

use std::path::PathBuf;

/// The text names the value and what is allowed.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// The file can't be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file that was asked for.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The file is larger than any tokenizer is.
    #[error("tokenizer.json has more than {limit} bytes")]
    FileTooLarge {
        /// [`MAX_FILE_BYTES`](crate::MAX_FILE_BYTES).
        limit: u64,
    },
    /// The bytes are not a tokenizer.json.
    #[error("not a valid tokenizer.json: {0}")]
    Invalid(String),
    /// A table by id would be too large.
    #[error("token id {id} is above {limit}, the highest that is supported")]
    TokenIdTooHigh {
        /// The highest id of the vocabulary.
        id: u32,
        /// [`MAX_TOKEN_ID`](crate::MAX_TOKEN_ID).
        limit: u32,
    },
    /// The tokens' text needs too much memory.
    #[error("the text of all tokens has more than {limit} bytes")]
    TextTooLarge {
        /// The most bytes that all tokens together may have.
        limit: usize,
    },
    /// The decoder can't be used token by token.
    #[error("unsupported decoder in tokenizer.json: {0}")]
    Decoder(String),
    /// A request has too many stop strings.
    #[error("{count} stop strings, at most {limit} are allowed")]
    TooManyStopStrings {
        /// How many the request has.
        count: usize,
        /// [`MAX_STOP_STRINGS`](crate::MAX_STOP_STRINGS).
        limit: usize,
    },
    /// A stop string is too long.
    #[error("stop string {index} has {bytes} bytes, at most {limit} are allowed")]
    StopStringTooLong {
        /// Its position among the request's stop strings, from 0.
        index: usize,
        /// Its length.
        bytes: usize,
        /// [`MAX_STOP_BYTES`](crate::MAX_STOP_BYTES).
        limit: usize,
    },
    /// A key of the configuration has a wrong value.
    #[error("batching.steps.text.{key}: {message}")]
    Key {
        /// The key.
        key: &'static str,
        /// What is wrong, with the file.
        message: String,
    },
    /// Log-probabilities can't be computed of what is given.
    #[error("{0}")]
    Logits(String),
    /// A stop string is empty; it would match everywhere.
    #[error("stop string {index} is empty")]
    EmptyStopString {
        /// Its position among the request's stop strings, from 0.
        index: usize,
    },
}
