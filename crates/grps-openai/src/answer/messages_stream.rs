//! The stream of `/v1/messages`.

use grps_chat::AnswerPart;
use serde_json::{Value, json};

use super::finish::{Finish, Totals};
use super::head::AnswerHead;
use super::ids::derived_id;
use super::json_text::{push_escaped, push_event, push_integer};
use super::logprobs::TokenLogprob;
use super::stream::{AnswerStream, incomplete};
use crate::error::ApiError;

/// What the block that is open contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BlockKind {
    Text,
    Thinking,
    /// A call by its position among the calls.
    Call(usize),
}

/// A message as it is generated. It has one choice.
#[derive(Debug)]
pub struct MessageStream {
    request_id: String,
    totals: Totals,
    open: Option<BlockKind>,
    /// Position of the open block, or of the next one.
    block: usize,
    has_calls: bool,
    is_finished: bool,
    has_ended: bool,
}

impl MessageStream {
    /// Begins a stream with the message, which is empty.
    pub fn begin(head: &AnswerHead, out: &mut Vec<u8>) -> Self {
        let totals = Totals::new(head);
        let message = json!({
            "id": head.message_id(),
            "type": "message",
            "role": "assistant",
            "model": head.model,
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            "usage": totals.message(),
        });
        push_event(out, "message_start", &json!({"type": "message_start", "message": message}));
        Self {
            request_id: head.request_id.clone(),
            totals,
            open: None,
            block: 0,
            has_calls: false,
            is_finished: false,
            has_ended: false,
        }
    }

    fn accepts(&self, choice: usize) -> bool {
        choice == 0 && !self.is_finished && !self.has_ended
    }

    /// Opens a block, after the one before it is closed.
    fn open(&mut self, kind: BlockKind, content: &Value, out: &mut Vec<u8>) {
        self.close(out);
        self.open = Some(kind);
        let name = "content_block_start";
        push_event(
            out,
            name,
            &json!({"type": name, "index": self.block, "content_block": content}),
        );
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        let Some(kind) = self.open.take() else { return };
        if kind == BlockKind::Thinking {
            // Clients send thinking back and expect a signature.
            self.push_delta("signature_delta", "signature", "", out);
        }
        let name = "content_block_stop";
        push_event(out, name, &json!({"type": name, "index": self.block}));
        self.block += 1;
    }

    /// Appends more of the open block. Written by hand, as it is the event of each token.
    fn push_delta(&self, kind: &str, field: &str, text: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(
            b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":",
        );
        push_integer(out, self.block);
        out.extend_from_slice(b",\"delta\":{\"type\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\",\"");
        out.extend_from_slice(field.as_bytes());
        out.extend_from_slice(b"\":\"");
        push_escaped(out, text);
        out.extend_from_slice(b"\"}}\n\n");
    }

    fn thinking(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        if self.open != Some(BlockKind::Thinking) {
            let content = json!({"type": "thinking", "thinking": "", "signature": ""});
            self.open(BlockKind::Thinking, &content, out);
        }
        self.push_delta("thinking_delta", "thinking", text, out);
    }

    fn call(&mut self, index: usize, name: &str, out: &mut Vec<u8>) {
        let id = derived_id("toolu_", &self.request_id, 0, index);
        let content = json!({"type": "tool_use", "id": id, "name": name, "input": {}});
        self.has_calls = true;
        self.open(BlockKind::Call(index), &content, out);
    }

    /// Only the latest call can get arguments: the blocks of a message follow each other.
    fn arguments(&mut self, index: usize, json: &str, out: &mut Vec<u8>) {
        if self.open == Some(BlockKind::Call(index)) && !json.is_empty() {
            self.push_delta("input_json_delta", "partial_json", json, out);
        }
    }
}

impl AnswerStream for MessageStream {
    fn text(&mut self, choice: usize, text: &str, out: &mut Vec<u8>) {
        if !self.accepts(choice) || text.is_empty() {
            return;
        }
        if self.open != Some(BlockKind::Text) {
            self.open(BlockKind::Text, &json!({"type": "text", "text": ""}), out);
        }
        self.push_delta("text_delta", "text", text, out);
    }

    fn part(&mut self, choice: usize, part: &AnswerPart, out: &mut Vec<u8>) {
        if !self.accepts(choice) {
            return;
        }
        match part {
            AnswerPart::Text(text) => self.text(choice, text, out),
            AnswerPart::Reasoning(text) => self.thinking(text, out),
            AnswerPart::ToolCall { index, name } => self.call(*index, name, out),
            AnswerPart::ToolArguments { index, json } => self.arguments(*index, json, out),
        }
    }

    /// Messages have no log probabilities.
    fn logprobs(&mut self, _choice: usize, _tokens: Vec<TokenLogprob>) {}

    fn finish(&mut self, choice: usize, finish: &Finish, out: &mut Vec<u8>) {
        if !self.accepts(choice) {
            return;
        }
        self.close(out);
        self.is_finished = true;
        self.totals.add(finish);
        let delta = json!({
            "stop_reason": finish.anthropic_reason(self.has_calls),
            "stop_sequence": finish.stop_string,
        });
        let name = "message_delta";
        let usage = self.totals.message();
        push_event(out, name, &json!({"type": name, "delta": delta, "usage": usage}));
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.has_ended {
            return;
        }
        if !self.is_finished {
            self.fail(&incomplete(), out);
            return;
        }
        self.has_ended = true;
        push_event(out, "message_stop", &json!({"type": "message_stop"}));
    }

    fn fail(&mut self, error: &ApiError, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.has_ended, true) {
            push_event(out, "error", &error.anthropic_value());
        }
    }

    fn keep_alive(&mut self, out: &mut Vec<u8>) {
        push_event(out, "ping", &json!({"type": "ping"}));
    }
}
