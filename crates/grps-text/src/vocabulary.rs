//! The tokens of a model, loaded once and shared by all its sequences.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::panic::catch_unwind;
use std::path::Path;

use tokenizers::{Model, Tokenizer};
use tracing::warn;

use crate::decoding::{Plan, run_byte};
use crate::error::TextError;
use crate::samples::Samples;
use crate::token_table::{TokenContent, TokenTable};

/// Most bytes that a tokenizer.json may have. The largest known ones have 35 MB.
pub const MAX_FILE_BYTES: u64 = 128 << 20;

/// Highest token id that a vocabulary may have, as tables are indexed by it.
pub const MAX_TOKEN_ID: u32 = (1 << 22) - 1;

/// What the token ids of a model mean.
///
/// It is immutable; put it into an `Arc` for the [`Detokenizer`](crate::Detokenizer)s of all
/// sequences. The memory it needs is that of the tokens' text, not that of the whole tokenizer.
#[derive(Debug)]
pub struct Vocabulary {
    /// What the file calls each token: what decoders work on.
    tokens: TokenTable,
    /// What each token adds to the text.
    table: TokenTable,
    plan: Plan,
}

impl Vocabulary {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    ///
    /// The file can't be read, or [`Self::from_bytes`] refuses it.
    pub fn from_file(path: &Path) -> Result<Self, TextError> {
        let mut json = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut json))
            .map_err(|source| TextError::Read { path: path.to_owned(), source })?;
        Self::from_bytes(&json)
    }

    /// Takes the bytes of a `tokenizer.json`.
    ///
    /// # Errors
    ///
    /// [`TextError::FileTooLarge`], [`TextError::Invalid`], [`TextError::TokenIdTooHigh`],
    /// [`TextError::TextTooLarge`], or [`TextError::Decoder`] if the decoder fails on a token.
    pub fn from_bytes(json: &[u8]) -> Result<Self, TextError> {
        if json.len() as u64 > MAX_FILE_BYTES {
            return Err(TextError::FileTooLarge { limit: MAX_FILE_BYTES });
        }
        let tokenizer = read_tokenizer(json)?;
        let plan = Plan::new(tokenizer.get_decoder())?;
        let vocabulary = Self::build(&tokenizer, plan)?;
        Ok(vocabulary.checked(&tokenizer))
    }

    /// Bytes that a token adds within a text: the `bytes` of its log probability in the API of
    /// OpenAI. A special token has its name; an id that no token has is `None`.
    ///
    /// The bytes of a text's tokens are the text, but for what decoders do at its beginning and
    /// end.
    #[must_use]
    pub fn token_bytes(&self, id: u32) -> Option<&[u8]> {
        self.table.bytes(id)
    }

    /// [`Self::token_bytes`] as text: U+FFFD for bytes that are not UTF-8 by themselves.
    #[must_use]
    pub fn token_text(&self, id: u32) -> Option<Cow<'_, str>> {
        self.table.bytes(id).map(String::from_utf8_lossy)
    }

    /// Whether a token is special, such as `</s>`.
    pub(crate) fn is_special(&self, id: u32) -> bool {
        self.table.get(id).is_some_and(|(_, special)| special)
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) fn table(&self) -> &TokenTable {
        &self.table
    }

    /// What the file calls a token.
    pub(crate) fn token(&self, id: u32) -> Option<&str> {
        match self.tokens.get(id) {
            Some((TokenContent::Text(token), _)) => Some(token),
            _ => None,
        }
    }

    /// The vocabulary of a tokenizer with a plan that is not checked.
    pub(crate) fn build(tokenizer: &Tokenizer, plan: Plan) -> Result<Self, TextError> {
        let added = tokenizer.get_added_vocabulary();
        let (mut tokens, mut table) = (TokenTable::default(), TokenTable::default());
        for id in 0..count_ids(tokenizer)? {
            let named = added.simple_id_to_token(id);
            let Some(token) = named.or_else(|| tokenizer.get_model().id_to_token(id)) else {
                tokens.add_unknown();
                table.add_unknown();
                continue;
            };
            let special = added.is_special_token(&token);
            plan.check(&token)?;
            tokens
                .add(TokenContent::Text(&token), special)
                .and_then(|()| add_content(&mut table, &plan, &token, special))
                .ok_or(TextError::TextTooLarge { limit: TokenTable::MAX_ARENA_BYTES })?;
        }
        Ok(Self { tokens, table, plan })
    }

    /// Compares samples with `tokenizers`. Where they differ, less is done token by token, until
    /// the whole text is decoded by `tokenizers` itself.
    fn checked(mut self, tokenizer: &Tokenizer) -> Self {
        let samples = Samples::new(tokenizer, &self);
        if self.plan.by_table && !samples.agree(&self) {
            warn!("the table of token bytes differs from the tokenizer's decoder; it is not used");
            self.plan.by_table = false;
        }
        if !self.plan.by_table && !samples.agree(&self) {
            warn!("this decoder is not known token by token; text is returned at the end only");
            self.plan = Plan::whole(tokenizer.get_decoder());
        }
        self
    }
}

/// `tokenizers` panics on some files, so that a broken file would end the thread.
pub(crate) fn read_tokenizer(json: &[u8]) -> Result<Tokenizer, TextError> {
    match catch_unwind(|| Tokenizer::from_bytes(json)) {
        Ok(Ok(tokenizer)) => Ok(tokenizer),
        Ok(Err(error)) => Err(TextError::Invalid(error.to_string())),
        Err(_) => Err(TextError::Invalid("its parts do not fit together".to_owned())),
    }
}

/// Adds what a token becomes within a text. Returns `None` if the table is full.
fn add_content(table: &mut TokenTable, plan: &Plan, token: &str, special: bool) -> Option<()> {
    let text = plan.rewrite(token, false);
    if let Some(byte) = run_byte(&text).filter(|_| plan.has_byte_fallback()) {
        return table.add(TokenContent::RunByte(byte), special);
    }
    let bytes = plan.bytes(text);
    match std::str::from_utf8(&bytes) {
        Ok(text) => table.add(TokenContent::Text(text), special),
        Err(_) => table.add(TokenContent::Bytes(&bytes), special),
    }
}

/// One more than the highest id of a tokenizer.
pub(crate) fn count_ids(tokenizer: &Tokenizer) -> Result<u32, TextError> {
    let added = tokenizer.get_added_vocabulary().get_added_tokens_decoder().keys().copied();
    let named = tokenizer.get_vocab(false).into_values();
    // A unigram model may name two ids alike, of which its vocabulary lists one.
    let counted = u32::try_from(tokenizer.get_vocab_size(false)).unwrap_or(u32::MAX);
    let highest = named.chain(added).chain(counted.checked_sub(1)).max();
    let Some(highest) = highest else { return Ok(0) };
    if highest > MAX_TOKEN_ID {
        return Err(TextError::TokenIdTooHigh { id: highest, limit: MAX_TOKEN_ID });
    }
    Ok(highest + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A byte-level tokenizer and its vocabulary before it is checked.
    fn unchecked() -> (Tokenizer, Vocabulary) {
        let json = r#"{"version": "1.0", "added_tokens": [], "decoder": {"type": "ByteLevel",
            "add_prefix_space": false, "trim_offsets": true}, "model": {"type": "WordLevel",
            "unk_token": "a", "vocab": {"a": 0, "Ġb": 1, "Ã": 2, "©": 3}}}"#;
        let tokenizer = read_tokenizer(json.as_bytes()).expect("a tokenizer");
        let plan = Plan::new(tokenizer.get_decoder()).expect("a plan");
        let vocabulary = Vocabulary::build(&tokenizer, plan).expect("a vocabulary");
        (tokenizer, vocabulary)
    }

    fn decode(vocabulary: &Vocabulary, ids: &[u32]) -> String {
        let mut state = crate::decoding::DecodingState::new(vocabulary);
        let mut text = String::new();
        for id in ids {
            text.push_str(state.push(vocabulary, *id, true));
        }
        text + state.finish(vocabulary)
    }

    #[test]
    fn a_right_table_is_used() {
        let (tokenizer, vocabulary) = unchecked();
        assert!(vocabulary.checked(&tokenizer).plan.by_table);
    }

    #[test]
    fn a_table_that_differs_is_not_used() {
        let (tokenizer, mut vocabulary) = unchecked();
        vocabulary.table = TokenTable::default();
        for text in ["a", " b", "x", "y"] {
            vocabulary.table.add(TokenContent::Text(text), false).expect("room");
        }
        assert_eq!(decode(&vocabulary, &[0, 1, 2, 3]), "a bxy");
        let checked = vocabulary.checked(&tokenizer);
        assert!(!checked.plan.by_table);
        assert_eq!(decode(&checked, &[0, 1, 2, 3]), "a bé");
    }

    #[test]
    fn stages_that_differ_leave_decoding_to_tokenizers() {
        let (tokenizer, mut vocabulary) = unchecked();
        vocabulary.plan = Plan::new(None).expect("a plan");
        assert_eq!(decode(&vocabulary, &[0, 0]), "aa", "the table is that of another decoder");
        let checked = vocabulary.checked(&tokenizer);
        assert!(checked.plan.stages.is_empty() && !checked.plan.by_table);
        assert_eq!(decode(&checked, &[0, 1, 2, 3, 3]), "a bé\u{FFFD}");
    }
}
