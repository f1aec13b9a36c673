//! The tokens of texts and pairs of texts, for models that take a text as a whole.

use std::borrow::Cow;

use grps_core::{Error, TextEncoder, TextTokens};
use tokenizers::{Encoding, PostProcessor, Token};

use crate::encoder::{Encoder, failed};
use crate::error::TextError;
use crate::vocabulary::count_ids;

/// Makes tokens of texts and pairs of texts.
#[derive(Debug)]
pub struct PairEncoder {
    encoder: Encoder,
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
    /// [`TextError::Invalid`] and [`TextError::TokenIdTooHigh`].
    pub fn from_bytes(json: &[u8], options: PairOptions) -> Result<Self, TextError> {
        let encoder = Encoder::from_bytes(json)?;
        let token_count = count_ids(&encoder.0)?;
        Ok(Self { encoder, options, token_count })
    }

    /// How many special tokens a row has.
    fn special_tokens(&self, is_pair: bool) -> usize {
        let processor = self.encoder.0.get_post_processor();
        processor.map_or(0, |processor| PostProcessor::added_tokens(processor, is_pair))
    }
}

impl TextEncoder for PairEncoder {
    fn tokens(&self, text: &str, alone: bool) -> Result<Vec<u32>, Error> {
        let PairOptions { lowercase, prefix } = &self.options;
        let mut text = Cow::Borrowed(text);
        if alone && !prefix.is_empty() {
            text = Cow::Owned([prefix, &*text].concat());
        }
        if *lowercase {
            text = Cow::Owned(text.to_lowercase());
        }
        self.encoder.encode(&text, false)
    }

    fn row(
        &self,
        first: &[u32],
        second: Option<&[u32]>,
        most: Option<usize>,
    ) -> Result<TextTokens, Error> {
        let (mut first, mut second) = (first, second);
        if let Some(most) = most {
            let before = second.map_or(0, |_| first.len());
            let fixed = self.special_tokens(second.is_some()) + before;
            let Some(left) = most.checked_sub(fixed).filter(|left| *left > 0) else {
                let text = format!("{most} tokens have no room for {fixed} that can't be left out");
                return Err(Error::invalid(text));
            };
            let last = second.as_mut().unwrap_or(&mut first);
            *last = last.get(..left).unwrap_or(last);
        }
        let (first, second) = (encoding(first, 0), second.map(|second| encoding(second, 1)));
        let encoded = self.encoder.0.post_process(first, second, true).map_err(failed)?;
        Ok(TextTokens {
            tokens: encoded.get_ids().to_vec(),
            types: encoded.get_type_ids().to_vec(),
        })
    }

    fn token_count(&self) -> u32 {
        self.token_count
    }
}

/// Tokens in the form in which special ones are put around them. `Encoding::truncate` would keep what
/// is left out, in parts that each get the first text again.
fn encoding(tokens: &[u32], kind: u32) -> Encoding {
    let tokens = tokens.iter().map(|token| Token::new(*token, String::new(), (0, 0)));
    Encoding::from_tokens(tokens.collect(), kind)
}

#[cfg(test)]
#[path = "pair_encoder_tests.rs"]
mod tests;
