//! Which stages a tokenizer's decoder has.

use tokenizers::Decoder;
use tokenizers::decoders::DecoderWrapper;

use super::joined_text::Joining;
use super::token_stage::TokenStage;
use crate::byte_level;
use crate::error::TextError;

/// How token ids become text.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// From the token's string; in this order.
    pub(crate) stages: Vec<TokenStage>,
    /// After the stages.
    pub(crate) joining: Joining,
    /// The content of a token in the table is what it becomes after all stages.
    pub(crate) by_table: bool,
}

impl Plan {
    /// The plan for a decoder, `None` meaning that the file has none.
    ///
    /// # Errors
    ///
    /// [`TextError::Decoder`] for a regular expression on text that is not known beforehand: it
    /// could fail in the middle of a sequence.
    pub(crate) fn new(decoder: Option<&DecoderWrapper>) -> Result<Self, TextError> {
        let mut chain = Vec::new();
        match decoder {
            Some(decoder) => flatten(decoder, &mut chain),
            None => return Ok(Self::from_stages(vec![TokenStage::Spaces], Joining::Plain)),
        }
        let join = |decoder: &DecoderWrapper| {
            matches!(decoder, DecoderWrapper::Fuse(_) | DecoderWrapper::ByteLevel(_))
        };
        let joined = chain.split_off(chain.iter().position(join).unwrap_or(chain.len()));
        let stages: Vec<_> = chain.into_iter().filter_map(token_stage).collect();
        let known = stages.iter().take_while(|stage| stage.is_rewriting()).count();
        let unknown = stages[known..].iter().any(is_regex_stage) || joined.iter().any(is_regex);
        if unknown {
            let reason = "a regular expression on joined tokens";
            return Err(TextError::Decoder(reason.to_owned()));
        }
        Ok(Self::from_stages(stages, joining(joined)))
    }

    /// The plan that is right for every decoder: all text comes at the end of the sequence.
    pub(crate) fn whole(decoder: Option<&DecoderWrapper>) -> Self {
        let stages = if decoder.is_none() { vec![TokenStage::Spaces] } else { Vec::new() };
        let joining = Joining::Whole(decoder.cloned().into_iter().collect());
        Self { stages, joining, by_table: false }
    }

    fn from_stages(stages: Vec<TokenStage>, joining: Joining) -> Self {
        let (end, before) = match stages.split_last() {
            Some((TokenStage::ByteFallback, before)) => (true, before),
            _ => (false, stages.as_slice()),
        };
        let by_table = before.iter().all(TokenStage::is_rewriting)
            && match joining {
                Joining::Plain | Joining::StripStart { .. } => true,
                Joining::ByteLevel => !end,
                Joining::Whole(_) => false,
            };
        Self { stages, joining, by_table }
    }

    /// A token after all stages, when others are before and behind it or it is the first.
    pub(crate) fn rewrite(&self, token: &str, first: bool) -> String {
        let token = token.to_owned();
        self.stages.iter().fold(token, |token, stage| stage.rewrite(token, first))
    }

    /// Bytes that a token adds to the joined text.
    pub(crate) fn bytes(&self, token: String) -> Vec<u8> {
        let byte_level = match &self.joining {
            Joining::ByteLevel => true,
            Joining::Whole(chain) => matches!(chain.first(), Some(DecoderWrapper::ByteLevel(_))),
            Joining::Plain | Joining::StripStart { .. } => false,
        };
        if byte_level { byte_level::token_bytes(&token) } else { token.into_bytes() }
    }

    /// Makes sure that no decoder fails on a token.
    ///
    /// # Errors
    ///
    /// [`TextError::Decoder`] if a regular expression gives up.
    pub(crate) fn check(&self, token: &str) -> Result<(), TextError> {
        if !self.stages.iter().any(is_regex_stage) {
            return Ok(());
        }
        for first in [true, false] {
            self.stages.iter().try_fold(token.to_owned(), |token, stage| match stage {
                TokenStage::Each(decoder) => decoder
                    .decode(vec![token])
                    .map_err(|error| TextError::Decoder(error.to_string())),
                _ => Ok(stage.rewrite(token, first)),
            })?;
        }
        Ok(())
    }

    /// Whether a token like `<0x0A>` is a byte.
    pub(crate) fn has_byte_fallback(&self) -> bool {
        self.stages.iter().any(|stage| matches!(stage, TokenStage::ByteFallback))
    }

    /// Whether the first token of a sequence may differ from the table.
    pub(crate) fn first_differs(&self) -> bool {
        let differs =
            |stage: &TokenStage| matches!(stage, TokenStage::FirstDiffers(_) | TokenStage::Spaces);
        self.stages.iter().any(differs)
    }
}

fn flatten(decoder: &DecoderWrapper, chain: &mut Vec<DecoderWrapper>) {
    match decoder {
        DecoderWrapper::Sequence(sequence) => {
            sequence.get_decoders().iter().for_each(|decoder| flatten(decoder, chain));
        }
        _ => chain.push(decoder.clone()),
    }
}

/// The stage of a decoder that does not join tokens.
fn token_stage(decoder: DecoderWrapper) -> Option<TokenStage> {
    Some(match decoder {
        DecoderWrapper::Replace(_) => TokenStage::Each(decoder),
        DecoderWrapper::Strip(strip) => TokenStage::Strip(strip),
        DecoderWrapper::Metaspace(_) | DecoderWrapper::WordPiece(_) => {
            TokenStage::FirstDiffers(decoder)
        }
        DecoderWrapper::ByteFallback(_) => TokenStage::ByteFallback,
        DecoderWrapper::CTC(ctc) => TokenStage::Ctc(ctc),
        DecoderWrapper::BPE(bpe) => TokenStage::Bpe(bpe),
        DecoderWrapper::Sequence(_) | DecoderWrapper::Fuse(_) | DecoderWrapper::ByteLevel(_) => {
            return None;
        }
    })
}

/// What is done from the first decoder that joins tokens.
fn joining(mut joined: Vec<DecoderWrapper>) -> Joining {
    while joined.len() > 1 && matches!(joined.last(), Some(DecoderWrapper::Fuse(_))) {
        joined.pop();
    }
    match joined.as_slice() {
        [] | [DecoderWrapper::Fuse(_)] => Joining::Plain,
        [DecoderWrapper::ByteLevel(_)] => Joining::ByteLevel,
        [DecoderWrapper::Fuse(_), DecoderWrapper::Strip(strip)] if strip.stop == 0 => {
            Joining::StripStart { content: strip.content, count: strip.start }
        }
        _ => Joining::Whole(joined),
    }
}

fn is_regex_stage(stage: &TokenStage) -> bool {
    matches!(stage, TokenStage::Each(decoder) if is_regex(decoder))
}

/// Whether a decoder replaces matches of a regular expression, which is seen in its JSON only.
fn is_regex(decoder: &DecoderWrapper) -> bool {
    let DecoderWrapper::Replace(replace) = decoder else { return false };
    let json = serde_json::to_value(replace).unwrap_or_default();
    json.pointer("/pattern/Regex").is_some()
}
