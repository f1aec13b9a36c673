//! The text of a sequence, made of the outputs of its steps.
//!
//! What makes it is behind two traits: tokenizers are outside of this crate.

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;

use crate::error::{Cause, Error};
use crate::scheduling::steps::collected::Collected;
use crate::scheduling::steps::sequence::EndReason;
use crate::tensor::tensor::Tensor;
use crate::tensor::values::Values;

/// Name of the output with the text.
pub const TEXT_OUTPUT: &str = "text";
/// The input of a language model with the tokens of its prompt.
pub const PROMPT_INPUT: &str = "tokens";
/// The output of a language model with the tokens that it generates.
pub const TOKEN_OUTPUT: &str = "token";

/// Name of the output that says why the sequence has ended.
pub const FINISH_REASON_OUTPUT: &str = "finish_reason";

/// Name of the output with the stop string that has ended the sequence.
pub const STOP_STRING_OUTPUT: &str = "stop_string";

/// Makes the text of the sequences of one model.
pub trait StepText: Debug + Send + Sync {
    /// Begins the text of a sequence, by the inputs of its request.
    ///
    /// # Errors
    /// An input is wrong.
    fn begin(&self, inputs: &[Tensor]) -> Result<Box<dyn SequenceText>, Error>;

    /// The tokens of a text. Special tokens are read where the text has their names; those that the
    /// tokenizer adds to each text are added if `adds_special`.
    ///
    /// # Errors
    /// The tokenizer of this model does not read text.
    fn encode(&self, text: &str, adds_special: bool) -> Result<Vec<u32>, Error>;

    /// The text of tokens.
    fn decode(&self, tokens: &[u32], skips_special: bool) -> String;

    /// The bytes that a token adds to a text; empty for one that there is not.
    fn token_bytes(&self, token: u32) -> &[u8];
}

/// Makes the text of one sequence.
pub trait SequenceText: Debug + Send {
    /// Takes the outputs of the next step and appends the text that became certain. Returns why
    /// the sequence ends with this step, if it does.
    ///
    /// # Errors
    /// The outputs have no tokens; the sequence fails.
    fn push(&mut self, outputs: &[Tensor], text: &mut String) -> Result<Option<EndReason>, Error>;

    /// Appends the text that was held back, as no step follows. Returns whether a stop string was
    /// found in it.
    fn finish(&mut self, text: &mut String) -> bool;

    /// The stop string that was found.
    fn stop_string(&self) -> Option<&str>;
}

/// The text of a sequence with what its client has not received of it.
#[derive(Debug)]
pub(crate) struct TextOutput {
    sequence: Box<dyn SequenceText>,
    /// Name of the output with the text, of which each chunk has one.
    name: Arc<str>,
    /// Text that was not sent.
    text: String,
    /// Outputs of the steps that were not sent.
    outputs: Collected,
}

impl TextOutput {
    pub(crate) fn new(sequence: Box<dyn SequenceText>) -> Self {
        let name = TEXT_OUTPUT.into();
        Self { sequence, name, text: String::new(), outputs: Collected::default() }
    }

    /// Takes the outputs of a step, after which the sequence ends for a reason or goes on. Returns
    /// the reason with which it ends.
    ///
    /// # Errors
    /// The outputs have no token, or one has the name of an output that is made here.
    pub(crate) fn push(
        &mut self,
        outputs: &[Tensor],
        end: Option<EndReason>,
    ) -> Result<Option<EndReason>, Error> {
        let taken = outputs.iter().map(Tensor::name);
        if let Some(name) = taken.into_iter().find(|name| is_reserved(name)) {
            let text =
                format!("output '{name}' of a step has the name of an output of the service");
            return Err(Error::new(Cause::ModelFailed, text));
        }
        let own_end = self.sequence.push(outputs, &mut self.text)?;
        if own_end == Some(EndReason::StopString) {
            return Ok(own_end);
        }
        let end = own_end.or(end);
        if end.is_some() && self.sequence.finish(&mut self.text) {
            return Ok(Some(EndReason::StopString));
        }
        Ok(end)
    }

    /// What a client that takes chunks receives after a step: all outputs since the last chunk, if
    /// there is text or the sequence has ended.
    ///
    /// # Errors
    /// The outputs differ from those of the steps before.
    pub(crate) fn next_chunk(
        &mut self,
        outputs: Vec<Tensor>,
        end: Option<EndReason>,
    ) -> Result<Option<Vec<Tensor>>, Error> {
        let is_due = !self.text.is_empty() || end.is_some();
        if is_due && self.outputs.is_empty() {
            return self.complete(outputs, end).map(Some);
        }
        self.outputs.add(&outputs)?;
        if !is_due {
            return Ok(None);
        }
        let joined = std::mem::take(&mut self.outputs).tensors()?;
        self.complete(joined, end).map(Some)
    }

    /// Adds the text that was not sent, and why the sequence has ended, to outputs.
    ///
    /// # Errors
    /// Never: the shapes go with their elements.
    pub(crate) fn complete(
        &mut self,
        mut outputs: Vec<Tensor>,
        end: Option<EndReason>,
    ) -> Result<Vec<Tensor>, Error> {
        outputs.reserve_exact(1 + 2 * usize::from(end.is_some()));
        let text = std::mem::take(&mut self.text);
        outputs.push(string(Arc::clone(&self.name), text.into())?);
        if let Some(reason) = end {
            let reason = Bytes::from_static(finish_reason(reason).as_bytes());
            outputs.push(string(FINISH_REASON_OUTPUT.into(), reason)?);
        }
        let found = end.filter(|end| *end == EndReason::StopString);
        if let Some(found) = found.and_then(|_| self.sequence.stop_string()) {
            let found = Bytes::copy_from_slice(found.as_bytes());
            outputs.push(string(STOP_STRING_OUTPUT.into(), found)?);
        }
        Ok(outputs)
    }
}

fn is_reserved(name: &str) -> bool {
    [TEXT_OUTPUT, FINISH_REASON_OUTPUT, STOP_STRING_OUTPUT].contains(&name)
}

fn string(name: Arc<str>, text: Bytes) -> Result<Tensor, Error> {
    Tensor::new(name, [1].as_slice(), Values::String(vec![text]))
}

/// What clients read, in the words of the API of OpenAI.
fn finish_reason(reason: EndReason) -> &'static str {
    match reason {
        EndReason::MaxSteps => "length",
        EndReason::Finished | EndReason::StopString => "stop",
        EndReason::Cancelled | EndReason::Failed => "error",
    }
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
