//! What front ends know of a model that makes numbers of text.

use std::fmt::Debug;
use std::sync::Arc;

use crate::error::Error;

/// What a model makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextNumbers {
    /// An embedding of a text.
    Embedding {
        /// The first numbers of an embedding are a shorter one.
        is_matryoshka: bool,
        /// Embeddings have the length 1.
        is_normalized: bool,
    },
    /// A score of two texts.
    Score,
}

/// What a model that takes the tokens of texts needs besides its weights. Its inputs are int64
/// matrices with a row for each text: `input_ids`, `attention_mask` and perhaps `token_type_ids`.
/// Its first output has a row of float32 for each.
#[derive(Clone, Debug)]
pub struct TextSpec {
    /// What it makes.
    pub numbers: TextNumbers,
    /// Most tokens of a row.
    pub max_length: usize,
    /// Makes the tokens.
    pub encoder: Arc<dyn TextEncoder>,
}

/// Makes the tokens that a model takes.
pub trait TextEncoder: Debug + Send + Sync {
    /// The tokens of a text without special ones. A text that is `alone` in its row gets what the
    /// model has before texts.
    ///
    /// # Errors
    /// The tokenizer fails.
    fn tokens(&self, text: &str, alone: bool) -> Result<Vec<u32>, Error>;

    /// The row of a text, or of two, with the special tokens. With `most`, the last tokens of the
    /// last text are left out where there are more.
    ///
    /// # Errors
    /// The tokenizer fails, or `most` has no room for the rest.
    fn row(
        &self,
        first: &[u32],
        second: Option<&[u32]>,
        most: Option<usize>,
    ) -> Result<TextTokens, Error>;

    /// One more than the highest token.
    fn token_count(&self) -> u32;
}

/// The tokens of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextTokens {
    /// The tokens.
    pub tokens: Vec<u32>,
    /// 1 for tokens of the second text; as many.
    pub types: Vec<u32>,
}
