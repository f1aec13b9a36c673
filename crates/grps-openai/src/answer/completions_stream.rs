//! The stream of `/v1/completions`.

use grps_chat::AnswerPart;

use super::choices::StreamedChoices;
use super::finish::{Finish, Totals};
use super::head::AnswerHead;
use super::json_text::{push_data, push_escaped, push_string};
use super::logprobs::{TokenLogprob, push_completion_logprobs};
use super::stream::{AnswerStream, StreamOptions, incomplete};
use crate::error::ApiError;

/// Completions as they are generated. With `echo` the prompt is the first text of each choice.
#[derive(Debug)]
pub struct CompletionStream {
    /// An event up to its choices.
    before_choices: Vec<u8>,
    /// An event after its choice.
    after_choice: &'static [u8],
    /// An event of more text after the text, if no log probabilities wait.
    text_end: Vec<u8>,
    choices: StreamedChoices,
    totals: Totals,
    include_usage: bool,
}

impl CompletionStream {
    /// Begins a stream.
    #[must_use]
    pub fn begin(head: &AnswerHead, options: StreamOptions) -> Self {
        let mut before_choices = b"data: {\"id\":".to_vec();
        push_string(&mut before_choices, &head.completion_id());
        before_choices.extend_from_slice(b",\"object\":\"text_completion\",\"created\":");
        before_choices.extend_from_slice(head.created.to_string().as_bytes());
        before_choices.extend_from_slice(b",\"model\":");
        push_string(&mut before_choices, &head.model);
        before_choices.extend_from_slice(b",\"system_fingerprint\":null,\"choices\":[");
        let before_index = [before_choices.as_slice(), b"{\"index\":"].concat();
        let after_choice: &[u8] =
            if options.include_usage { b"}],\"usage\":null}\n\n" } else { b"}]}\n\n" };
        let text_end =
            [b"\",\"logprobs\":null,\"finish_reason\":null".as_slice(), after_choice].concat();
        Self {
            before_choices,
            after_choice,
            text_end,
            choices: StreamedChoices::new(options.choices, &before_index, ",\"text\":\""),
            totals: Totals::new(head),
            include_usage: options.include_usage,
        }
    }
}

impl AnswerStream for CompletionStream {
    fn text(&mut self, choice: usize, text: &str, out: &mut Vec<u8>) {
        let Some(state) = self.choices.open(choice) else { return };
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
        out.extend_from_slice(self.after_choice);
    }

    /// Completions have nothing but text, so reasoning is text; there are no calls.
    fn part(&mut self, choice: usize, part: &AnswerPart, out: &mut Vec<u8>) {
        match part {
            AnswerPart::Text(text) | AnswerPart::Reasoning(text) => self.text(choice, text, out),
            AnswerPart::ToolCall { .. } | AnswerPart::ToolArguments { .. } => {}
        }
    }

    fn logprobs(&mut self, choice: usize, tokens: Vec<TokenLogprob>) {
        if let Some(choice) = self.choices.open(choice) {
            choice.logprobs.extend(tokens);
        }
    }

    fn finish(&mut self, choice: usize, finish: &Finish, out: &mut Vec<u8>) {
        let Some((reason, state)) = self.choices.finish(choice, finish) else { return };
        self.totals.add(finish);
        out.extend_from_slice(&state.text_prefix);
        out.extend_from_slice(b"\",\"logprobs\":");
        push_completion_logprobs(out, &state.logprobs, &mut state.offset);
        state.logprobs.clear();
        out.extend_from_slice(b",\"finish_reason\":");
        push_string(out, reason);
        out.extend_from_slice(self.after_choice);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        match self.choices.end() {
            None => {}
            Some(false) => push_data(out, &incomplete().openai_value()),
            Some(true) => {
                if self.include_usage {
                    out.extend_from_slice(&self.before_choices);
                    out.extend_from_slice(b"],\"usage\":");
                    out.extend_from_slice(self.totals.chat().to_string().as_bytes());
                    out.extend_from_slice(b"}\n\n");
                }
                out.extend_from_slice(b"data: [DONE]\n\n");
            }
        }
    }

    fn fail(&mut self, error: &ApiError, out: &mut Vec<u8>) {
        if self.choices.end().is_some() {
            push_data(out, &error.openai_value());
        }
    }
}
