//! A choice of a stream whose API has several.

use super::finish::Finish;
use super::logprobs::TokenLogprob;

/// Where a choice stands.
#[derive(Debug, Default)]
pub(crate) struct StreamedChoice {
    /// The event of more text up to the text; all of it is the same each time.
    pub(crate) text_prefix: Vec<u8>,
    /// Tokens that were not sent yet.
    pub(crate) logprobs: Vec<TokenLogprob>,
    /// Characters of the tokens that were sent.
    pub(crate) offset: usize,
    pub(crate) has_calls: bool,
    pub(crate) is_finished: bool,
}

/// The choices of a stream.
#[derive(Debug)]
pub(crate) struct StreamedChoices {
    choices: Vec<StreamedChoice>,
    has_ended: bool,
}

impl StreamedChoices {
    /// Prepares choices by the beginning of their events up to the index, and what follows it.
    pub(crate) fn new(count: usize, before_index: &[u8], after_index: &str) -> Self {
        let prepare = |index: usize| StreamedChoice {
            text_prefix: [before_index, index.to_string().as_bytes(), after_index.as_bytes()]
                .concat(),
            ..StreamedChoice::default()
        };
        Self { choices: (0..count).map(prepare).collect(), has_ended: false }
    }

    /// A choice that may still get something.
    pub(crate) fn open(&mut self, choice: usize) -> Option<&mut StreamedChoice> {
        if self.has_ended {
            return None;
        }
        self.choices.get_mut(choice).filter(|choice| !choice.is_finished)
    }

    /// Ends a choice; `None` if it was ended or does not exist.
    pub(crate) fn finish(
        &mut self,
        choice: usize,
        finish: &Finish,
    ) -> Option<(&'static str, &mut StreamedChoice)> {
        let choice = self.open(choice)?;
        choice.is_finished = true;
        Some((finish.openai_reason(choice.has_calls), choice))
    }

    /// Ends the stream: true if all choices have ended, `None` if the stream already had.
    pub(crate) fn end(&mut self) -> Option<bool> {
        let ended = std::mem::replace(&mut self.has_ended, true);
        (!ended).then(|| self.choices.iter().all(|choice| choice.is_finished))
    }
}
