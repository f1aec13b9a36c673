//! What a chunk of a language model has.

use grps_core::{
    Cause, Content, Elements, Error, FINISH_REASON_OUTPUT, STOP_STRING_OUTPUT, StepText,
    TEXT_OUTPUT, Tensor,
};
use grps_openai::{FinishReason, TokenLogprob};

/// The output with tokens, and the one with the logarithms of their probabilities.
const TOKEN: &str = "token";
const LOGPROB: &str = "logprob";

/// A piece of one choice.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) tokens: Vec<u32>,
    pub(super) logprobs: Vec<f32>,
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
                TOKEN => piece.tokens = tokens_of(tensor)?,
                LOGPROB => piece.logprobs = logprobs_of(tensor)?,
                FINISH_REASON_OUTPUT => piece.end = Some(end_of(&text_of(tensor)?)?),
                STOP_STRING_OUTPUT => piece.stop_string = Some(text_of(tensor)?),
                _ => {}
            }
        }
        Ok(Some(piece))
    }

    /// The logarithms of the probabilities of its tokens.
    pub(super) fn token_logprobs(&self, text: &dyn StepText) -> Vec<TokenLogprob> {
        let pairs = self.tokens.iter().zip(&self.logprobs);
        let described = pairs.map(|(token, logprob)| TokenLogprob {
            bytes: text.token_bytes(*token).to_vec(),
            logprob: Some(*logprob),
            top: Vec::new(),
        });
        described.collect()
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
    let Elements::Int64(tokens) = tensor.elements() else {
        return Err(wrong("returned tokens that are not int64"));
    };
    let tokens = tokens.iter().map(|token| u32::try_from(*token));
    tokens.collect::<Result<_, _>>().map_err(|_| wrong("returned what is no token"))
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
