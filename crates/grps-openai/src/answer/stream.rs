//! What all streams of answers have in common.

use grps_chat::AnswerPart;

use super::finish::Finish;
use super::logprobs::TokenLogprob;
use crate::error::ApiError;

/// What a stream must know of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamOptions {
    /// Choices of all prompts.
    pub choices: usize,
    /// The stream ends with the usage, if the API leaves that to the client.
    pub include_usage: bool,
}

/// A stream of events. What is appended to `out` can be sent at once.
///
/// A stream is created with the first part of its answer, so that an earlier error still has its
/// own status. Each choice gets parts and ends with [`finish`](Self::finish); then the stream is
/// ended, or fails. Choices that the stream does not have, and parts after the end, are ignored.
pub trait AnswerStream: Send {
    /// More text of a choice. Empty text makes no event.
    fn text(&mut self, choice: usize, text: &str, out: &mut Vec<u8>);

    /// More of a choice.
    fn part(&mut self, choice: usize, part: &AnswerPart, out: &mut Vec<u8>);

    /// Log probabilities of tokens. They are sent with the next event of the choice, as the text
    /// of a token may come later than the token.
    fn logprobs(&mut self, choice: usize, tokens: Vec<TokenLogprob>);

    /// A choice ends.
    fn finish(&mut self, choice: usize, finish: &Finish, out: &mut Vec<u8>);

    /// The answer ends. If a choice has not, this is an error that the client gets.
    fn end(&mut self, out: &mut Vec<u8>);

    /// The answer ends with an error, so that no client takes it as complete.
    fn fail(&mut self, error: &ApiError, out: &mut Vec<u8>);

    /// Something that keeps the connection open while there is nothing to send.
    fn keep_alive(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b": keep-alive\n\n");
    }
}

/// The error of a stream that is ended too early.
pub(crate) fn incomplete() -> ApiError {
    let message = "The generation ended before the answer was complete.";
    ApiError::new(crate::error::ErrorKind::Server, message)
}
