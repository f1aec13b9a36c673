//! Text into tokens.

use grps_core::{Cause, Error};
use tokenizers::Tokenizer;

use crate::error::TextError;
use crate::vocabulary::read_tokenizer;

/// Makes tokens of text, as `tokenizers` does.
#[derive(Debug)]
pub(crate) struct Encoder(pub(crate) Tokenizer);

impl Encoder {
    /// Takes the bytes of a `tokenizer.json`.
    ///
    /// # Errors
    /// [`TextError::Invalid`].
    pub(crate) fn from_bytes(json: &[u8]) -> Result<Self, TextError> {
        let mut tokenizer = read_tokenizer(json)?;
        // A prompt is refused when it is too long, never cut or filled up.
        let _ = tokenizer.with_truncation(None);
        tokenizer.with_padding(None);
        Ok(Self(tokenizer))
    }

    /// The tokens of a text.
    pub(crate) fn encode(&self, text: &str, adds_special: bool) -> Result<Vec<u32>, Error> {
        let encoded = self.0.encode_fast(text, adds_special).map_err(failed)?;
        Ok(encoded.get_ids().to_vec())
    }
}

pub(crate) fn failed(error: tokenizers::Error) -> Error {
    Error::new(Cause::Internal, format!("the tokenizer failed: {error}"))
}
