//! What is done to the joined tokens, as far as it can be done piece by piece.

use std::mem;

use tokenizers::decoders::DecoderWrapper;

use super::token_stage::decode_all;
use crate::byte_level;

/// How tokens become text after the token stages.
#[derive(Clone, Debug)]
pub(crate) enum Joining {
    /// Tokens are text.
    Plain,
    /// Tokens are bytes in the byte-level alphabet; invalid ones become U+FFFD.
    ByteLevel,
    /// Tokens are text, without up to `count` of a character at its beginning.
    StripStart {
        /// The character.
        content: char,
        /// How many are cut off at most.
        count: usize,
    },
    /// Decoders that need the whole sequence: all text comes at its end.
    Whole(Vec<DecoderWrapper>),
}

/// The text of a sequence that is certain and not yet returned, and what is held back.
#[derive(Debug, Default)]
pub(crate) struct JoinedText {
    /// Certain text.
    pub(crate) certain: String,
    /// First bytes of a character whose other bytes are to come.
    incomplete: Vec<u8>,
    /// Characters that are still cut off.
    strip_left: usize,
    /// All tokens for [`Joining::Whole`].
    tokens: Vec<String>,
}

impl JoinedText {
    /// The beginning of a sequence.
    pub(crate) fn new(joining: &Joining) -> Self {
        let strip_left = match joining {
            Joining::StripStart { count, .. } => *count,
            _ => 0,
        };
        Self { strip_left, ..Self::default() }
    }

    /// Whether the next text is certain as it is, so that it need not be copied.
    pub(crate) fn is_empty(&self) -> bool {
        self.incomplete.is_empty() && self.strip_left == 0
    }

    /// Adds a token that the token stages have returned.
    pub(crate) fn push_token(&mut self, joining: &Joining, token: String) {
        match joining {
            Joining::ByteLevel => self.push_bytes(&byte_level::token_bytes(&token)),
            Joining::Whole(_) => self.tokens.push(token),
            Joining::Plain | Joining::StripStart { .. } => self.push_text(joining, &token),
        }
    }

    /// Adds text that no token stage is left for.
    pub(crate) fn push_text(&mut self, joining: &Joining, text: &str) {
        if !self.incomplete.is_empty() {
            return self.push_bytes(text.as_bytes());
        }
        let mut rest = text;
        if let Joining::StripStart { content, .. } = joining {
            while self.strip_left > 0 && !rest.is_empty() {
                match rest.strip_prefix(*content) {
                    Some(shorter) => (rest, self.strip_left) = (shorter, self.strip_left - 1),
                    None => self.strip_left = 0,
                }
            }
        }
        self.certain.push_str(rest);
    }

    /// Adds bytes of a byte-level decoder.
    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) {
        self.incomplete.extend_from_slice(bytes);
        let mut rest = self.incomplete.as_slice();
        while let Err(error) = std::str::from_utf8(rest) {
            let (valid, after) = rest.split_at(error.valid_up_to());
            self.certain.push_str(&String::from_utf8_lossy(valid));
            rest = after;
            let Some(invalid) = error.error_len() else {
                let kept = rest.len();
                self.incomplete.drain(..self.incomplete.len() - kept);
                return;
            };
            self.certain.push(char::REPLACEMENT_CHARACTER);
            rest = &rest[invalid..];
        }
        self.certain.push_str(&String::from_utf8_lossy(rest));
        self.incomplete.clear();
    }

    /// Ends the sequence: what was held back is certain, and the next sequence may begin.
    pub(crate) fn finish(&mut self, joining: &Joining) {
        if let Joining::Whole(chain) = joining {
            let tokens = mem::take(&mut self.tokens);
            self.certain.push_str(&decode_all(chain, tokens).concat());
        }
        if !self.incomplete.is_empty() {
            self.certain.push(char::REPLACEMENT_CHARACTER);
        }
        *self = Self { certain: mem::take(&mut self.certain), ..Self::new(joining) };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bytes_in_any_pieces_become_what_they_become_at_once(
            pieces in prop::collection::vec(
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..5),
                    "[a€😀é]{1,2}".prop_map(String::into_bytes),
                    prop::sample::select(vec![0xE2, 0x82, 0xAC, 0xF0, 0x9F, 0x98, 0x80, 0xC3])
                        .prop_map(|byte| vec![byte]),
                ],
                0..12,
            ),
        ) {
            let mut joined = JoinedText::new(&Joining::ByteLevel);
            for piece in &pieces {
                joined.push_bytes(piece);
                prop_assert!(joined.incomplete.len() < 4);
            }
            joined.finish(&Joining::ByteLevel);
            let whole = pieces.concat();
            prop_assert_eq!(joined.certain.as_str(), String::from_utf8_lossy(&whole));
        }
    }

    #[test]
    fn only_the_beginning_is_cut_off() {
        let joining = Joining::StripStart { content: ' ', count: 3 };
        let mut joined = JoinedText::new(&joining);
        for text in ["", " ", "  ", " a", " b"] {
            joined.push_text(&joining, text);
        }
        assert_eq!(joined.certain, " a b");
        joined.finish(&joining);
        joined.push_text(&joining, " c  ");
        assert_eq!(joined.certain, " a bc  ", "the next sequence is cut again");
    }
}
