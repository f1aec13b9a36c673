//! What a chunk of a language model has.

use grps_core::{
    Cause, Content, Elements, Error, FINISH_REASON_OUTPUT, STOP_STRING_OUTPUT, StepText,
    TEXT_OUTPUT, TOKEN_OUTPUT, Tensor,
};
use grps_openai::{FinishReason, TokenLogprob, TopLogprob};

/// The output with the logarithms of the probabilities of tokens.
const LOGPROB: &str = "logprob";
/// The outputs with the likeliest tokens of each position, the likeliest first, and their logarithms.
/// -1 is none.
const TOP_TOKEN: &str = "top_token";
const TOP_LOGPROB: &str = "top_logprob";

/// A piece of one choice.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) tokens: Vec<u32>,
    pub(super) logprobs: Vec<f32>,
    /// The likeliest tokens of all positions, which have equally many.
    top_tokens: Vec<i64>,
    top_logprobs: Vec<f32>,
    pub(super) end: Option<FinishReason>,
    /// The stop string that ended it.
    pub(super) stop_string: Option<String>,
}

impl Piece {
    /// Reads a chunk; `None` for the empty one at the end.
    ///
    /// # Errors
    /// `ModelFailed` when it has not what a language model returns.
    pub(super) fn read(chunk: Content) -> Result<Option<Self>, Error> {
        let tensors = match chunk {
            Content::Tensors(tensors) => tensors,
            Content::Message(message) if message.is_empty() => return Ok(None),
            Content::Message(_) | Content::Raw(_) => return Err(wrong("returned no tensors")),
        };
        let mut piece = Self::default();
        for tensor in &tensors {
            match tensor.name() {
                TEXT_OUTPUT => piece.text = text_of(tensor)?,
                TOKEN_OUTPUT => piece.tokens = tokens_of(tensor)?,
                LOGPROB => piece.logprobs = logprobs_of(tensor)?,
                TOP_TOKEN => piece.top_tokens = numbers_of(tensor)?.to_vec(),
                TOP_LOGPROB => piece.top_logprobs = logprobs_of(tensor)?,
                FINISH_REASON_OUTPUT => piece.end = Some(end_of(&text_of(tensor)?)?),
                STOP_STRING_OUTPUT => piece.stop_string = Some(text_of(tensor)?),
                _ => {}
            }
        }
        Ok(Some(piece))
    }

    /// The logarithms of the probabilities of its tokens, with those of the likeliest ones.
    pub(super) fn token_logprobs(&self, text: &dyn StepText) -> Vec<TokenLogprob> {
        let pairs = self.tokens.iter().zip(&self.logprobs).enumerate();
        let described = pairs.map(|(position, (token, logprob))| TokenLogprob {
            bytes: text.token_bytes(*token).to_vec(),
            logprob: Some(*logprob),
            top: self.top_of(position, text),
        });
        described.collect()
    }

    fn top_of(&self, position: usize, text: &dyn StepText) -> Vec<TopLogprob> {
        let width = self.top_tokens.len() / self.tokens.len().max(1);
        let pairs = self.top_tokens.iter().zip(&self.top_logprobs);
        let row = pairs.skip(position * width).take(width);
        let tokens = row.filter_map(|(token, logprob)| {
            let token = u32::try_from(*token).ok()?;
            Some(TopLogprob { bytes: text.token_bytes(token).to_vec(), logprob: *logprob })
        });
        tokens.collect()
    }
}

fn text_of(tensor: &Tensor) -> Result<String, Error> {
    match tensor.elements() {
        Elements::String([text]) => {
            String::from_utf8(text.to_vec()).map_err(|_| wrong("returned text that is not UTF-8"))
        }
        _ => Err(wrong("returned no text")),
    }
}

fn tokens_of(tensor: &Tensor) -> Result<Vec<u32>, Error> {
    let tokens = numbers_of(tensor)?.iter().map(|token| u32::try_from(*token));
    tokens.collect::<Result<_, _>>().map_err(|_| wrong("returned what is no token"))
}

fn numbers_of(tensor: &Tensor) -> Result<&[i64], Error> {
    match tensor.elements() {
        Elements::Int64(numbers) => Ok(numbers),
        _ => Err(wrong("returned tokens that are not int64")),
    }
}

fn logprobs_of(tensor: &Tensor) -> Result<Vec<f32>, Error> {
    match tensor.elements() {
        Elements::Float32(logprobs) => Ok(logprobs.to_vec()),
        _ => Err(wrong("returned probabilities that are not float32")),
    }
}

fn end_of(reason: &str) -> Result<FinishReason, Error> {
    match reason {
        "stop" => Ok(FinishReason::Stop),
        "length" => Ok(FinishReason::Length),
        _ => Err(wrong("was stopped")),
    }
}

fn wrong(what: &str) -> Error {
    Error::new(Cause::ModelFailed, format!("the language model {what}"))
}

#[cfg(test)]
#[path = "parts_tests.rs"]
mod tests;
