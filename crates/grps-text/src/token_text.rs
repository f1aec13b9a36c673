//! Text of step models: one of the outputs of a step is the number of a token.

use std::path::PathBuf;
use std::sync::Arc;

use grps_core::{Cause, Elements, EndReason, Error, SequenceText, StepText, Tensor};

use crate::detokenizer::Detokenizer;
use crate::encoder::Encoder;
use crate::error::TextError;
use crate::stop_strings::{MAX_STOP_STRINGS, StopStrings};
use crate::text_stream::TextStream;
use crate::vocabulary::Vocabulary;

/// Name of the input with the stop strings of a request.
pub const STOP_INPUT: &str = "stop";

/// Name of the input with the most tokens of a sequence.
pub const MAX_TOKENS_INPUT: &str = "max_tokens";

/// Where a tokenizer comes from.
#[derive(Clone, Debug)]
pub enum TokenizerSource {
    /// A tokenizer.json of which text is made.
    File(PathBuf),
    /// The text of one, which reads text too.
    Json(String),
}

/// The keys of `batching.steps.text`.
#[derive(Clone, Debug)]
pub struct TokenTextOptions {
    /// The tokenizer.json.
    pub tokenizer: TokenizerSource,
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
    /// Makes tokens of text; `None` where nothing asks for it.
    encoder: Option<Encoder>,
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
    vocabulary: Arc<Vocabulary>,
    /// The output with tokens.
    token_output: Arc<str>,
    /// So many tokens may still come.
    left: usize,
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
        let (vocabulary, encoder) = match &tokenizer {
            TokenizerSource::File(path) => (Vocabulary::from_file(path), None),
            TokenizerSource::Json(text) => {
                let encoder = Encoder::from_bytes(text.as_bytes());
                let encoder = encoder.map_err(|error| wrong("tokenizer")(error.to_string()))?;
                (Vocabulary::from_bytes(text.as_bytes()), Some(encoder))
            }
        };
        let vocabulary = vocabulary.map_err(|error| match (&error, &tokenizer) {
            (TextError::Read { .. }, _) | (_, TokenizerSource::Json(_)) => {
                wrong("tokenizer")(error.to_string())
            }
            (_, TokenizerSource::File(path)) => {
                wrong("tokenizer")(format!("{}: {error}", path.display()))
            }
        })?;
        let vocabulary = Arc::new(vocabulary);
        Ok(Self {
            vocabulary,
            encoder,
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
        let (vocabulary, token_output) =
            (Arc::clone(&self.vocabulary), Arc::clone(&self.token_output));
        let left = most_tokens(inputs)?;
        Ok(Box::new(TokenSequence { stream, vocabulary, token_output, left }))
    }

    fn encode(&self, text: &str, adds_special: bool) -> Result<Vec<u32>, Error> {
        let unsupported = || Error::new(Cause::Unsupported, "the model takes tokens, not text");
        self.encoder.as_ref().ok_or_else(unsupported)?.encode(text, adds_special)
    }

    fn decode(&self, tokens: &[u32], skips_special: bool) -> String {
        let mut detokenizer = Detokenizer::new(Arc::clone(&self.vocabulary), skips_special);
        let mut text = String::new();
        for token in tokens {
            text.push_str(detokenizer.push(*token));
        }
        text + detokenizer.finish()
    }

    fn token_bytes(&self, token: u32) -> &[u8] {
        self.vocabulary.token_bytes(token).unwrap_or_default()
    }
}

impl SequenceText for TokenSequence {
    fn push(&mut self, outputs: &[Tensor], text: &mut String) -> Result<Option<EndReason>, Error> {
        let output = outputs.iter().find(|output| output.name() == &*self.token_output);
        let failed = |problem| Error::new(Cause::ModelFailed, problem);
        for token in tokens_of(output, &self.token_output).map_err(failed)? {
            let token = token.map_err(failed)?;
            if self.stream.push(token, text) {
                return Ok(Some(EndReason::StopString));
            }
            self.left = self.left.saturating_sub(1);
            if self.left == 0 {
                // The end of the text may be the last token that there was room for.
                let is_end = self.vocabulary.is_special(token);
                return Ok(Some(if is_end { EndReason::Finished } else { EndReason::MaxSteps }));
            }
        }
        Ok(None)
    }

    fn finish(&mut self, text: &mut String) -> bool {
        self.stream.finish(text)
    }

    fn stop_string(&self) -> Option<&str> {
        self.stream.stop_string()
    }
}

/// The most tokens that a request asks for.
fn most_tokens(inputs: &[Tensor]) -> Result<usize, Error> {
    let Some(input) = inputs.iter().find(|input| input.name() == MAX_TOKENS_INPUT) else {
        return Ok(usize::MAX);
    };
    let wrong = |problem| Error::invalid(format!("input '{MAX_TOKENS_INPUT}': {problem}"));
    let mut numbers = whole_numbers(input).ok_or_else(|| wrong("it is no whole number"))?;
    match (numbers.next(), numbers.next()) {
        (Some(most @ 1..), None) => Ok(usize::try_from(most).unwrap_or(usize::MAX)),
        _ => Err(wrong("it is not one number of 1 or more")),
    }
}

/// The tokens of an output.
fn tokens_of<'a>(
    output: Option<&'a Tensor>,
    name: &'a str,
) -> Result<impl Iterator<Item = Result<u32, String>> + use<'a>, String> {
    let Some(output) = output else {
        return Err(format!("a step has no output '{name}' (batching.steps.text.token_output)"));
    };
    let numbers =
        whole_numbers(output).filter(|_| output.shape().iter().skip(1).all(|dim| *dim == 1));
    let Some(numbers) = numbers else {
        let (dtype, shape) = (output.dtype(), output.shape());
        return Err(format!(
            "output '{name}' of a step is {dtype} {shape:?}, not a whole number for each row"
        ));
    };
    Ok(numbers.map(move |number| {
        u32::try_from(number)
            .map_err(|_| format!("output '{name}' of a step has {number}, which is no token"))
    }))
}

/// The elements of a tensor of whole numbers.
fn whole_numbers(tensor: &Tensor) -> Option<Box<dyn Iterator<Item = i128> + '_>> {
    fn all<T: Copy + Into<i128>>(numbers: &[T]) -> Option<Box<dyn Iterator<Item = i128> + '_>> {
        Some(Box::new(numbers.iter().map(|number| (*number).into())))
    }
    match tensor.elements() {
        Elements::Int64(numbers) => all(numbers),
        Elements::Int32(numbers) => all(numbers),
        Elements::Uint32(numbers) => all(numbers),
        Elements::Uint64(numbers) => all(numbers),
        Elements::Int16(numbers) => all(numbers),
        Elements::Uint16(numbers) => all(numbers),
        Elements::Int8(numbers) => all(numbers),
        Elements::Uint8(numbers) => all(numbers),
        _ => None,
    }
}

#[cfg(test)]
#[path = "token_text_tests.rs"]
mod tests;
