//! Text of step models: one of the outputs of a step is the number of a token.

use std::path::PathBuf;
use std::sync::Arc;

use grps_core::{Cause, Elements, Error, SequenceText, StepText, Tensor};

use crate::detokenizer::Detokenizer;
use crate::error::TextError;
use crate::stop_strings::{MAX_STOP_STRINGS, StopStrings};
use crate::text_stream::TextStream;
use crate::vocabulary::Vocabulary;

/// Name of the input with the stop strings of a request.
pub const STOP_INPUT: &str = "stop";

/// The keys of `batching.steps.text`.
#[derive(Clone, Debug)]
pub struct TokenTextOptions {
    /// The tokenizer.json.
    pub tokenizer: PathBuf,
    /// The output of a step that has a token in each row.
    pub token_output: String,
    /// Stop strings of every request, besides its own.
    pub stop: Vec<String>,
    /// Special tokens such as `</s>` have no text.
    pub skip_special_tokens: bool,
}

/// Makes the text of the sequences of a step model, out of an output with tokens.
#[derive(Debug)]
pub struct TokenText {
    vocabulary: Arc<Vocabulary>,
    /// The output with tokens.
    token_output: Arc<str>,
    /// Stop strings of every request.
    stop: Vec<String>,
    /// The same, for requests that have none of their own; `None` when there are none.
    own_stop: Option<StopStrings>,
    skip_special_tokens: bool,
}

/// The text of one sequence.
#[derive(Debug)]
struct TokenSequence {
    stream: TextStream,
    /// The output with tokens.
    token_output: Arc<str>,
}

impl TokenText {
    /// Loads the tokenizer.
    ///
    /// # Errors
    /// [`TextError::Key`]: the tokenizer can't be read, or a stop string is wrong.
    pub fn load(options: TokenTextOptions) -> Result<Self, TextError> {
        let TokenTextOptions { tokenizer, token_output, stop, skip_special_tokens } = options;
        let wrong = |key| move |message| TextError::Key { key, message };
        let own_stop = match stop.as_slice() {
            [] => None,
            stop => {
                let strings = StopStrings::new(stop, false);
                Some(strings.map_err(|error| wrong("stop")(error.to_string()))?)
            }
        };
        let vocabulary = Vocabulary::from_file(&tokenizer).map_err(|error| match error {
            TextError::Read { .. } => wrong("tokenizer")(error.to_string()),
            _ => wrong("tokenizer")(format!("{}: {error}", tokenizer.display())),
        })?;
        let vocabulary = Arc::new(vocabulary);
        Ok(Self {
            vocabulary,
            token_output: token_output.into(),
            stop,
            own_stop,
            skip_special_tokens,
        })
    }

    /// The stop strings of a request and those of every request.
    fn stop_strings(&self, inputs: &[Tensor]) -> Result<Option<StopStrings>, Error> {
        let Some(input) = inputs.iter().find(|input| input.name() == STOP_INPUT) else {
            return Ok(self.own_stop.clone());
        };
        let Elements::String(strings) = input.elements() else {
            let dtype = input.dtype();
            return Err(Error::invalid(format!("input '{STOP_INPUT}' is {dtype}, not string")));
        };
        // Counted before they are copied.
        let count = strings.len() + self.stop.len();
        if count > MAX_STOP_STRINGS {
            return Err(Error::invalid(format!(
                "input '{STOP_INPUT}' has {} stop strings, at most {} are allowed",
                strings.len(),
                MAX_STOP_STRINGS - self.stop.len()
            )));
        }
        let mut all = Vec::with_capacity(count);
        for (index, string) in strings.iter().enumerate() {
            all.push(std::str::from_utf8(string).map_err(|_| {
                let text = format!("input '{STOP_INPUT}': stop string {index} is not UTF-8");
                Error::invalid(text)
            })?);
        }
        all.extend(self.stop.iter().map(String::as_str));
        if all.is_empty() {
            return Ok(None);
        }
        let strings = StopStrings::new(&all, false);
        let invalid = |error| Error::invalid(format!("input '{STOP_INPUT}': {error}"));
        strings.map(Some).map_err(invalid)
    }
}

impl StepText for TokenText {
    fn begin(&self, inputs: &[Tensor]) -> Result<Box<dyn SequenceText>, Error> {
        let stop_strings = self.stop_strings(inputs)?;
        let detokenizer = Detokenizer::new(Arc::clone(&self.vocabulary), self.skip_special_tokens);
        let stream = TextStream::new(detokenizer, stop_strings);
        Ok(Box::new(TokenSequence { stream, token_output: Arc::clone(&self.token_output) }))
    }
}

impl SequenceText for TokenSequence {
    fn push(&mut self, outputs: &[Tensor], text: &mut String) -> Result<bool, Error> {
        let output = outputs.iter().find(|output| output.name() == &*self.token_output);
        let token = token_of(output, &self.token_output)
            .map_err(|problem| Error::new(Cause::ModelFailed, problem))?;
        Ok(self.stream.push(token, text))
    }

    fn finish(&mut self, text: &mut String) -> bool {
        self.stream.finish(text)
    }
}

/// The only element of an output of one row.
fn token_of(output: Option<&Tensor>, name: &str) -> Result<u32, String> {
    let Some(output) = output else {
        return Err(format!("a step has no output '{name}' (batching.steps.text.token_output)"));
    };
    let number: i128 = match output.elements() {
        Elements::Int64([token]) => (*token).into(),
        Elements::Int32([token]) => (*token).into(),
        Elements::Uint32([token]) => (*token).into(),
        Elements::Uint64([token]) => (*token).into(),
        Elements::Int16([token]) => (*token).into(),
        Elements::Uint16([token]) => (*token).into(),
        Elements::Int8([token]) => (*token).into(),
        Elements::Uint8([token]) => (*token).into(),
        _ => {
            let (dtype, shape) = (output.dtype(), output.shape());
            return Err(format!(
                "output '{name}' of a step is {dtype} {shape:?}, not a whole number for each row"
            ));
        }
    };
    u32::try_from(number)
        .map_err(|_| format!("output '{name}' of a step has {number}, which is no token"))
}

#[cfg(test)]
#[path = "token_text_tests.rs"]
mod tests;
