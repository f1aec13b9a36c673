//! The stream of `/v1/completions`.

use grps_chat::AnswerPart;

use super::chunks::Chunks;
use super::finish::Finish;
use super::head::AnswerHead;
use super::json_text::{push_escaped, push_string};
use super::logprobs::{TokenLogprob, push_completion_logprobs};
use super::stream::{AnswerStream, StreamOptions};
use crate::error::ApiError;

/// Completions as they are generated. With `echo` the prompt is the first text of each choice.
#[derive(Debug)]
pub struct CompletionStream {
    chunks: Chunks,
    /// A chunk of more text after the text, if no log probabilities wait.
    text_end: Vec<u8>,
}

impl CompletionStream {
    /// Begins a stream.
    #[must_use]
    pub fn begin(head: &AnswerHead, options: StreamOptions) -> Self {
        let id = head.completion_id();
        let chunks = Chunks::new(head, &id, "text_completion", options, ",\"text\":\"");
        let text_end =
            [b"\",\"logprobs\":null,\"finish_reason\":null".as_slice(), chunks.after_choice()]
                .concat();
        Self { chunks, text_end }
    }
}

impl AnswerStream for CompletionStream {
    fn text(&mut self, choice: usize, text: &str, out: &mut Vec<u8>) {
        let after_choice = self.chunks.after_choice();
        let Some(state) = self.chunks.open(choice) else { return };
        if text.is_empty() {
            return;
        }
        out.extend_from_slice(&state.text_prefix);
        push_escaped(out, text);
        if state.logprobs.is_empty() {
            out.extend_from_slice(&self.text_end);
            return;
        }
        out.extend_from_slice(b"\",\"logprobs\":");
        push_completion_logprobs(out, &state.logprobs, &mut state.offset);
        state.logprobs.clear();
        out.extend_from_slice(b",\"finish_reason\":null");
        out.extend_from_slice(after_choice);
    }

    /// Completions have nothing but text, so reasoning is text; there are no calls.
    fn part(&mut self, choice: usize, part: &AnswerPart, out: &mut Vec<u8>) {
        match part {
            AnswerPart::Text(text) | AnswerPart::Reasoning(text) => self.text(choice, text, out),
            AnswerPart::ToolCall { .. } | AnswerPart::ToolArguments { .. } => {}
        }
    }

    fn logprobs(&mut self, choice: usize, tokens: Vec<TokenLogprob>) {
        self.chunks.keep(choice, tokens);
    }

    fn finish(&mut self, choice: usize, finish: &Finish, out: &mut Vec<u8>) {
        let after_choice = self.chunks.after_choice();
        let Some((reason, state)) = self.chunks.finish(choice, finish) else { return };
        out.extend_from_slice(&state.text_prefix);
        out.extend_from_slice(b"\",\"logprobs\":");
        push_completion_logprobs(out, &state.logprobs, &mut state.offset);
        state.logprobs.clear();
        out.extend_from_slice(b",\"finish_reason\":");
        push_string(out, reason);
        out.extend_from_slice(after_choice);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.chunks.end(out);
    }

    fn fail(&mut self, error: &ApiError, out: &mut Vec<u8>) {
        self.chunks.fail(error, out);
    }
}
