//! The stream of `/v1/chat/completions`.

use grps_chat::AnswerPart;

use super::chunks::Chunks;
use super::finish::Finish;
use super::head::AnswerHead;
use super::ids::derived_id;
use super::json_text::{push_escaped, push_integer, push_string};
use super::logprobs::{TokenLogprob, push_chat_logprobs};
use super::stream::{AnswerStream, StreamOptions};
use crate::error::ApiError;

/// A chat as it is generated.
#[derive(Debug)]
pub struct ChatStream {
    request_id: String,
    chunks: Chunks,
    /// A chunk of more text after the text, if no log probabilities wait.
    text_end: Vec<u8>,
}

impl ChatStream {
    /// Begins a stream: each choice gets its role.
    pub fn begin(head: &AnswerHead, options: StreamOptions, out: &mut Vec<u8>) -> Self {
        let object = "chat.completion.chunk";
        let before_text = ",\"delta\":{\"content\":\"";
        let chunks = Chunks::new(head, &head.chat_id(), object, options, before_text);
        let text_end =
            [b"\"},\"logprobs\":null,\"finish_reason\":null".as_slice(), chunks.after_choice()]
                .concat();
        let stream = Self { request_id: head.request_id.clone(), chunks, text_end };
        for index in 0..options.choices {
            stream.begin_delta(index, out);
            out.extend_from_slice(b"\"role\":\"assistant\",\"content\":\"\"");
            stream.end_delta(&[], None, out);
        }
        stream
    }

    /// Appends a chunk up to what is in its delta.
    fn begin_delta(&self, choice: usize, out: &mut Vec<u8>) {
        self.chunks.begin(choice, out);
        out.extend_from_slice(b",\"delta\":{");
    }

    fn end_delta(&self, logprobs: &[TokenLogprob], reason: Option<&str>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"},\"logprobs\":");
        push_chat_logprobs(out, logprobs);
        out.extend_from_slice(b",\"finish_reason\":");
        match reason {
            Some(reason) => push_string(out, reason),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(self.chunks.after_choice());
    }

    /// Appends a delta with one text.
    fn push_text(&mut self, choice: usize, field: &str, text: &str, out: &mut Vec<u8>) {
        let Some(state) = self.chunks.open(choice) else { return };
        if text.is_empty() {
            return;
        }
        let logprobs = std::mem::take(&mut state.logprobs);
        self.begin_delta(choice, out);
        push_string(out, field);
        out.push(b':');
        push_string(out, text);
        self.end_delta(&logprobs, None, out);
    }

    fn push_call(&mut self, choice: usize, index: usize, name: &str, out: &mut Vec<u8>) {
        let Some(state) = self.chunks.open(choice) else { return };
        state.has_calls = true;
        let logprobs = std::mem::take(&mut state.logprobs);
        self.begin_delta(choice, out);
        out.extend_from_slice(b"\"tool_calls\":[{\"index\":");
        push_integer(out, index);
        out.extend_from_slice(b",\"id\":");
        push_string(out, &derived_id("call_", &self.request_id, choice, index));
        out.extend_from_slice(b",\"type\":\"function\",\"function\":{\"name\":");
        push_string(out, name);
        out.extend_from_slice(b",\"arguments\":\"\"}}]");
        self.end_delta(&logprobs, None, out);
    }

    fn push_arguments(&mut self, choice: usize, index: usize, json: &str, out: &mut Vec<u8>) {
        let Some(state) = self.chunks.open(choice) else { return };
        if json.is_empty() {
            return;
        }
        let logprobs = std::mem::take(&mut state.logprobs);
        self.begin_delta(choice, out);
        out.extend_from_slice(b"\"tool_calls\":[{\"index\":");
        push_integer(out, index);
        out.extend_from_slice(b",\"function\":{\"arguments\":");
        push_string(out, json);
        out.extend_from_slice(b"}}]");
        self.end_delta(&logprobs, None, out);
    }
}

impl AnswerStream for ChatStream {
    fn text(&mut self, choice: usize, text: &str, out: &mut Vec<u8>) {
        let Some(state) = self.chunks.open(choice) else { return };
        if text.is_empty() {
            return;
        }
        if !state.logprobs.is_empty() {
            self.push_text(choice, "content", text, out);
            return;
        }
        out.reserve(state.text_prefix.len() + text.len() + self.text_end.len());
        out.extend_from_slice(&state.text_prefix);
        push_escaped(out, text);
        out.extend_from_slice(&self.text_end);
    }

    fn part(&mut self, choice: usize, part: &AnswerPart, out: &mut Vec<u8>) {
        match part {
            AnswerPart::Text(text) => self.text(choice, text, out),
            AnswerPart::Reasoning(text) => self.push_text(choice, "reasoning_content", text, out),
            AnswerPart::ToolCall { index, name } => self.push_call(choice, *index, name, out),
            AnswerPart::ToolArguments { index, json } => {
                self.push_arguments(choice, *index, json, out);
            }
        }
    }

    fn logprobs(&mut self, choice: usize, tokens: Vec<TokenLogprob>) {
        self.chunks.keep(choice, tokens);
    }

    fn finish(&mut self, choice: usize, finish: &Finish, out: &mut Vec<u8>) {
        let Some((reason, state)) = self.chunks.finish(choice, finish) else { return };
        let logprobs = std::mem::take(&mut state.logprobs);
        self.begin_delta(choice, out);
        self.end_delta(&logprobs, Some(reason), out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.chunks.end(out);
    }

    fn fail(&mut self, error: &ApiError, out: &mut Vec<u8>) {
        self.chunks.fail(error, out);
    }
}
