//! A stream of chunks, whose API has several choices: what stands around a choice, and the end.

use super::finish::{Finish, Totals};
use super::head::AnswerHead;
use super::json_text::{push_data, push_integer, push_string};
use super::logprobs::TokenLogprob;
use super::stream::{StreamOptions, incomplete};
use crate::error::ApiError;

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
    is_finished: bool,
}

/// The chunks of one answer.
#[derive(Debug)]
pub(crate) struct Chunks {
    /// A chunk up to its choices.
    before_choices: Vec<u8>,
    choices: Vec<StreamedChoice>,
    totals: Totals,
    include_usage: bool,
    has_ended: bool,
}

impl Chunks {
    /// Prepares the chunks of an answer of this ID and type. `before_text` stands between the index
    /// of a choice and its text.
    pub(crate) fn new(
        head: &AnswerHead,
        id: &str,
        object: &str,
        options: StreamOptions,
        before_text: &str,
    ) -> Self {
        let mut before_choices = b"data: {\"id\":".to_vec();
        push_string(&mut before_choices, id);
        before_choices.extend_from_slice(b",\"object\":");
        push_string(&mut before_choices, object);
        before_choices.extend_from_slice(b",\"created\":");
        before_choices.extend_from_slice(head.created.to_string().as_bytes());
        before_choices.extend_from_slice(b",\"model\":");
        push_string(&mut before_choices, &head.model);
        before_choices.extend_from_slice(b",\"system_fingerprint\":null,\"choices\":[");
        let mut chunks = Self {
            before_choices,
            choices: Vec::with_capacity(options.choices),
            totals: Totals::new(head),
            include_usage: options.include_usage,
            has_ended: false,
        };
        for index in 0..options.choices {
            let mut text_prefix = Vec::new();
            chunks.begin(index, &mut text_prefix);
            text_prefix.extend_from_slice(before_text.as_bytes());
            chunks.choices.push(StreamedChoice { text_prefix, ..StreamedChoice::default() });
        }
        chunks
    }

    /// Appends a chunk up to the index of its choice.
    pub(crate) fn begin(&self, choice: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.before_choices);
        out.extend_from_slice(b"{\"index\":");
        push_integer(out, choice);
    }

    /// What follows the last field of a choice. Chunks with choices have no usage.
    pub(crate) fn after_choice(&self) -> &'static [u8] {
        if self.include_usage { b"}],\"usage\":null}\n\n" } else { b"}]}\n\n" }
    }

    /// A choice that may still get something.
    pub(crate) fn open(&mut self, choice: usize) -> Option<&mut StreamedChoice> {
        if self.has_ended {
            return None;
        }
        self.choices.get_mut(choice).filter(|choice| !choice.is_finished)
    }

    /// Keeps log probabilities for the next chunk of a choice.
    pub(crate) fn keep(&mut self, choice: usize, logprobs: Vec<TokenLogprob>) {
        if let Some(choice) = self.open(choice) {
            choice.logprobs.extend(logprobs);
        }
    }

    /// Ends a choice; `None` if it was ended or does not exist.
    pub(crate) fn finish(
        &mut self,
        choice: usize,
        finish: &Finish,
    ) -> Option<(&'static str, &mut StreamedChoice)> {
        self.open(choice)?.is_finished = true;
        self.totals.add(finish);
        let choice = self.choices.get_mut(choice)?;
        Some((finish.openai_reason(choice.has_calls), choice))
    }

    /// Ends the stream, with the usage or with an error if a choice has not ended.
    pub(crate) fn end(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        if !self.choices.iter().all(|choice| choice.is_finished) {
            push_data(out, &incomplete().openai_value());
            return;
        }
        if self.include_usage {
            out.extend_from_slice(&self.before_choices);
            out.extend_from_slice(b"],\"usage\":");
            out.extend_from_slice(self.totals.chat().to_string().as_bytes());
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    /// Ends the stream with an error.
    pub(crate) fn fail(&mut self, error: &ApiError, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.has_ended, true) {
            push_data(out, &error.openai_value());
        }
    }
}
