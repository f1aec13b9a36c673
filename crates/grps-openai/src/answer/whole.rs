//! An answer that is sent as a whole.

use grps_chat::AnswerPart;
use serde_json::{Map, Value};

use super::blocks::Blocks;
use super::finish::{Finish, Totals};
use super::head::AnswerHead;
use super::logprobs::TokenLogprob;
use super::response_items::{all_items, response_body};
use super::stream::incomplete;
use super::whole_bodies::{chat_body, completion_body, message_body};
use crate::error::ApiError;

/// A choice with everything it got.
#[derive(Clone, Debug, Default)]
pub(crate) struct WholeChoice {
    pub(crate) blocks: Blocks,
    pub(crate) logprobs: Vec<TokenLogprob>,
    pub(crate) finish: Option<Finish>,
}

/// A choice that has ended, and how.
pub(crate) type Ended<'a> = (&'a WholeChoice, &'a Finish);

/// Collects an answer until it can be written in one of the shapes. With `echo` the prompt is the
/// first text of each choice.
#[derive(Clone, Debug)]
pub struct WholeAnswer {
    head: AnswerHead,
    choices: Vec<WholeChoice>,
}

impl WholeAnswer {
    /// An answer with so many choices of all prompts.
    #[must_use]
    pub fn new(head: AnswerHead, choices: usize) -> Self {
        Self { head, choices: vec![WholeChoice::default(); choices] }
    }

    /// More text of a choice.
    pub fn text(&mut self, choice: usize, text: &str) {
        if let Some(choice) = self.choices.get_mut(choice) {
            choice.blocks.text(text);
        }
    }

    /// More of a choice.
    pub fn part(&mut self, choice: usize, part: &AnswerPart) {
        if let Some(choice) = self.choices.get_mut(choice) {
            choice.blocks.part(part);
        }
    }

    /// Log probabilities of the next tokens of a choice.
    pub fn logprobs(&mut self, choice: usize, tokens: Vec<TokenLogprob>) {
        if let Some(choice) = self.choices.get_mut(choice) {
            choice.logprobs.extend(tokens);
        }
    }

    /// A choice ends.
    pub fn finish(&mut self, choice: usize, finish: Finish) {
        if let Some(choice) = self.choices.get_mut(choice) {
            choice.finish = Some(finish);
        }
    }

    /// The choices with their ends, and the usage of all.
    fn complete(&self) -> Result<(Vec<Ended<'_>>, Totals), ApiError> {
        let mut totals = Totals::new(&self.head);
        let mut complete = Vec::with_capacity(self.choices.len());
        for choice in &self.choices {
            let finish = choice.finish.as_ref().ok_or_else(incomplete)?;
            totals.add(finish);
            complete.push((choice, finish));
        }
        Ok((complete, totals))
    }

    /// The body of `/v1/chat/completions`.
    ///
    /// # Errors
    ///
    /// A choice has not ended.
    pub fn chat_body(&self) -> Result<Vec<u8>, ApiError> {
        let (choices, totals) = self.complete()?;
        Ok(chat_body(&self.head, &choices, &totals))
    }

    /// The body of `/v1/completions`.
    ///
    /// # Errors
    ///
    /// A choice has not ended.
    pub fn completion_body(&self) -> Result<Vec<u8>, ApiError> {
        let (choices, totals) = self.complete()?;
        Ok(completion_body(&self.head, &choices, &totals))
    }

    /// The body of `/v1/messages`, of the first choice.
    ///
    /// # Errors
    ///
    /// It has not ended.
    pub fn message_body(&self) -> Result<Vec<u8>, ApiError> {
        let (choices, totals) = self.complete()?;
        let (choice, finish) = choices.first().ok_or_else(incomplete)?;
        Ok(message_body(&self.head, &choice.blocks, finish, &totals))
    }

    /// The body of `/v1/responses`, of the first choice, with fields that the request had.
    ///
    /// # Errors
    ///
    /// It has not ended.
    pub fn response_body(&self, repeated: &Map<String, Value>) -> Result<Vec<u8>, ApiError> {
        let (choices, totals) = self.complete()?;
        let (choice, finish) = choices.first().ok_or_else(incomplete)?;
        let output = all_items(&self.head.request_id, &choice.blocks, &choice.logprobs);
        let body = response_body(&self.head, repeated, output, finish, &totals);
        Ok(body.to_string().into_bytes())
    }
}
