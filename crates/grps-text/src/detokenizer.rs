//! The text of one sequence while its tokens are generated.

use std::sync::Arc;

use crate::decoding::DecodingState;
use crate::vocabulary::Vocabulary;

/// Turns the tokens of one sequence into text as they come.
///
/// All returned text together is exactly what the `tokenizers` crate decodes from all tokens at
/// once. Text is returned as soon as no later token can change it:
///
/// - A character is returned when its last byte is there, so U+FFFD only stands for bytes that no
///   later token can complete.
/// - Decoders with byte fallback (Llama 2, Gemma) make a run of byte tokens U+FFFD as a whole if
///   one byte is wrong. A run is therefore returned with the token that ends it.
/// - A decoder that marks the ends of words (`BPEDecoder`) is one token behind.
/// - A decoder that rewrites the joined text returns all of it at the end. Known models have none.
#[derive(Debug)]
pub struct Detokenizer {
    vocabulary: Arc<Vocabulary>,
    /// Special tokens such as `</s>` have no text.
    skip_special_tokens: bool,
    state: DecodingState,
}

impl Detokenizer {
    /// The beginning of a sequence. Special tokens are left out of the text or kept.
    #[must_use]
    pub fn new(vocabulary: Arc<Vocabulary>, skip_special_tokens: bool) -> Self {
        let state = DecodingState::new(&vocabulary);
        Self { vocabulary, skip_special_tokens, state }
    }

    /// Takes the next token and returns the text that became certain, which may be empty.
    ///
    /// An id that no token has is ignored, as `tokenizers` does.
    pub fn push(&mut self, token_id: u32) -> &str {
        self.state.push(&self.vocabulary, token_id, self.skip_special_tokens)
    }

    /// Ends the sequence and returns the text that was held back, bytes that are not UTF-8 as
    /// U+FFFD. The next push begins another sequence.
    pub fn finish(&mut self) -> &str {
        self.state.finish(&self.vocabulary)
    }
}
