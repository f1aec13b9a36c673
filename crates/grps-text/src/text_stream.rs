//! The text of one sequence: tokens in, text that may be sent out.

use crate::detokenizer::Detokenizer;
use crate::stop_strings::StopStrings;

/// Turns the tokens of one sequence into text that may be sent, until a stop string ends it.
///
/// Each call appends text that no later token changes: never a part of a character, nor what may
/// be the beginning of a stop string.
#[derive(Debug)]
pub struct TextStream {
    detokenizer: Detokenizer,
    /// `None` when only the model ends the sequence.
    stop_strings: Option<StopStrings>,
    /// Position of the stop string that was found in the sequence.
    matched: Option<usize>,
}

impl TextStream {
    /// The beginning of a sequence.
    #[must_use]
    pub fn new(detokenizer: Detokenizer, stop_strings: Option<StopStrings>) -> Self {
        Self { detokenizer, stop_strings, matched: None }
    }

    /// Takes the next token and appends the text that may be sent. Returns whether a stop string
    /// was found; the sequence has ended then, and later tokens add nothing.
    pub fn push(&mut self, token_id: u32, text: &mut String) -> bool {
        let certain = self.detokenizer.push(token_id);
        let Some(stop_strings) = &mut self.stop_strings else {
            text.push_str(certain);
            return false;
        };
        let step = stop_strings.push(certain);
        text.push_str(step.text);
        self.matched = step.matched;
        self.matched.is_some()
    }

    /// Ends the sequence and appends what was held back. Returns whether a stop string was found
    /// in it. The next push begins another sequence.
    pub fn finish(&mut self, text: &mut String) -> bool {
        let rest = self.detokenizer.finish();
        let Some(stop_strings) = &mut self.stop_strings else {
            text.push_str(rest);
            return false;
        };
        let step = stop_strings.push(rest);
        text.push_str(step.text);
        self.matched = step.matched;
        text.push_str(stop_strings.finish());
        self.matched.is_some()
    }

    /// The stop string that was found in the sequence that was pushed last.
    #[must_use]
    pub fn stop_string(&self) -> Option<&str> {
        self.stop_strings.as_ref()?.string(self.matched?)
    }
}
