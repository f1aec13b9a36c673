//! The tokens of texts and pairs of texts, for models that take a text as a whole.

use grps_core::{Cause, Error, TextEncoder, TextTokens};
use tokenizers::{Encoding, Tokenizer, TruncationDirection};

use crate::error::TextError;
use crate::vocabulary::read_tokenizer;

/// Makes tokens of texts and pairs of texts.
#[derive(Debug)]
pub struct PairEncoder {
    tokenizer: Tokenizer,
    options: PairOptions,
    token_count: u32,
}

/// What is done with a text before the tokenizer reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PairOptions {
    /// It is made lower case.
    pub lowercase: bool,
    /// This is put before it; not before those of a pair.
    pub prefix: String,
}

impl PairEncoder {
    /// Takes the bytes of a `tokenizer.json`. What it says of padding and truncation is ignored.
    ///
    /// # Errors
    /// [`TextError::Invalid`].
    pub fn from_bytes(json: &[u8], options: PairOptions) -> Result<Self, TextError> {
        let mut tokenizer = read_tokenizer(json)?;
        let _ = tokenizer.with_truncation(None);
        tokenizer.with_padding(None);
        let highest = tokenizer.get_vocab(true).into_values().max();
        Ok(Self { tokenizer, options, token_count: highest.map_or(0, |id| id.saturating_add(1)) })
    }

    /// The tokens of one text without special ones.
    fn plain(&self, text: &str, prefix: &str) -> Result<Encoding, Error> {
        let with_prefix;
        let mut text = text;
        if !prefix.is_empty() || self.options.lowercase {
            let joined = [prefix, text].concat();
            with_prefix = if self.options.lowercase { joined.to_lowercase() } else { joined };
            text = &with_prefix;
        }
        self.tokenizer.encode_fast(text, false).map_err(failed)
    }
}

impl TextEncoder for PairEncoder {
    fn encode(
        &self,
        text: &str,
        second: Option<&str>,
        most: Option<usize>,
    ) -> Result<TextTokens, Error> {
        let prefix = if second.is_none() { &*self.options.prefix } else { "" };
        let mut first = self.plain(text, prefix)?;
        let mut second = second.map(|second| self.plain(second, "")).transpose()?;
        if let Some(most) = most {
            let added = self.tokenizer.get_post_processor().map_or(0, |processor| {
                tokenizers::PostProcessor::added_tokens(processor, second.is_some())
            });
            let fixed = added + second.as_ref().map_or(0, |_| first.len());
            let Some(left) = most.checked_sub(fixed).filter(|left| *left > 0) else {
                let text = format!("{most} tokens have no room for {fixed} that can't be left out");
                return Err(Error::invalid(text));
            };
            second.as_mut().unwrap_or(&mut first).truncate(left, 0, TruncationDirection::Right);
        }
        let encoded = self.tokenizer.post_process(first, second, true).map_err(failed)?;
        Ok(TextTokens {
            tokens: encoded.get_ids().to_vec(),
            types: encoded.get_type_ids().to_vec(),
        })
    }

    fn token_count(&self) -> u32 {
        self.token_count
    }
}

fn failed(error: tokenizers::Error) -> Error {
    Error::new(Cause::Internal, format!("the tokenizer failed: {error}"))
}

#[cfg(test)]
#[path = "pair_encoder_tests.rs"]
mod tests;
