//! The stream of `/v1/responses`.

use grps_chat::AnswerPart;
use serde_json::{Map, Value, json};

use super::blocks::Block;
use super::finish::{Finish, Totals};
use super::head::AnswerHead;
use super::logprobs::TokenLogprob;
use super::response_events::ResponseEvents;
use super::response_items::{
    content_part, item_begun, item_done, item_id, logprob_values, response_body, response_object,
};
use super::stream::{AnswerStream, incomplete};
use crate::error::ApiError;

/// A response as it is generated. It has one choice.
#[derive(Debug)]
pub struct ResponseStream {
    head: AnswerHead,
    repeated: Map<String, Value>,
    events: ResponseEvents,
    /// All items that are complete, for the last event.
    items: Vec<Value>,
    finish: Option<Finish>,
    /// The item that is open.
    open: Option<Block>,
    /// Which item it is, in prepared JSON.
    place: String,
    /// Tokens that were not sent yet.
    waiting: Vec<TokenLogprob>,
    /// Tokens of the open item that were sent.
    sent: Vec<TokenLogprob>,
    has_ended: bool,
}

impl ResponseStream {
    /// Begins a stream with the response, which has no output, and fields that the request had.
    pub fn begin(head: AnswerHead, repeated: Map<String, Value>, out: &mut Vec<u8>) -> Self {
        let mut events = ResponseEvents::default();
        let response = response_object(&head, &repeated, "in_progress");
        events.push("response.created", json!({"response": response}), out);
        events.push("response.in_progress", json!({"response": response}), out);
        Self {
            head,
            repeated,
            events,
            items: Vec::new(),
            finish: None,
            open: None,
            place: String::new(),
            waiting: Vec::new(),
            sent: Vec::new(),
            has_ended: false,
        }
    }

    fn accepts(&self, choice: usize) -> bool {
        choice == 0 && self.finish.is_none() && !self.has_ended
    }

    /// Opens an item, after the one before it is complete.
    fn open(&mut self, block: Block, out: &mut Vec<u8>) {
        self.close(out);
        let position = self.items.len();
        let id = item_id(&self.head.request_id, position, &block);
        let item = item_begun(&self.head.request_id, position, &block);
        let added = json!({"output_index": position, "item": item});
        self.events.push("response.output_item.added", added, out);
        self.place = format!(",\"item_id\":\"{id}\",\"output_index\":{position}");
        if !matches!(block, Block::Call { .. }) {
            self.place.push_str(",\"content_index\":0");
            let mut added = self.place_fields();
            added["part"] = content_part(&block, &[]);
            self.events.push("response.content_part.added", added, out);
        }
        self.open = Some(block);
    }

    /// The place as the beginning of an event that is not written by hand.
    fn place_fields(&self) -> Value {
        let text = format!("{{{}}}", self.place.trim_start_matches(','));
        serde_json::from_str(&text).unwrap_or_else(|_| json!({}))
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        let Some(block) = self.open.take() else { return };
        let mut done = self.place_fields();
        let tokens = std::mem::take(&mut self.sent);
        match &block {
            Block::Text(text) => {
                done["text"] = json!(text);
                done["logprobs"] = logprob_values(&tokens);
                self.events.push("response.output_text.done", done, out);
            }
            Block::Reasoning(text) => {
                done["text"] = json!(text);
                self.events.push("response.reasoning_text.done", done, out);
            }
            Block::Call { name, arguments, .. } => {
                done["name"] = json!(name);
                done["arguments"] = json!(arguments);
                self.events.push("response.function_call_arguments.done", done, out);
            }
        }
        if !matches!(block, Block::Call { .. }) {
            let mut done = self.place_fields();
            done["part"] = content_part(&block, &tokens);
            self.events.push("response.content_part.done", done, out);
        }
        let item = item_done(&self.head.request_id, self.items.len(), &block, &tokens);
        let done = json!({"output_index": self.items.len(), "item": item});
        self.events.push("response.output_item.done", done, out);
        self.items.push(item);
    }

    fn reasoning(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        if !matches!(self.open, Some(Block::Reasoning(_))) {
            self.open(Block::Reasoning(String::new()), out);
        }
        if let Some(Block::Reasoning(block)) = &mut self.open {
            block.push_str(text);
        }
        self.events.push_delta("response.reasoning_text.delta", &self.place, text, None, out);
    }

    /// Only the latest call can get arguments: the items of a response follow each other.
    fn arguments(&mut self, call: usize, json: &str, out: &mut Vec<u8>) {
        match &mut self.open {
            Some(Block::Call { index, arguments, .. }) if *index == call && !json.is_empty() => {
                arguments.push_str(json);
            }
            _ => return,
        }
        let name = "response.function_call_arguments.delta";
        self.events.push_delta(name, &self.place, json, None, out);
    }
}

impl AnswerStream for ResponseStream {
    fn text(&mut self, choice: usize, text: &str, out: &mut Vec<u8>) {
        if !self.accepts(choice) || text.is_empty() {
            return;
        }
        if !matches!(self.open, Some(Block::Text(_))) {
            self.open(Block::Text(String::new()), out);
        }
        if let Some(Block::Text(block)) = &mut self.open {
            block.push_str(text);
        }
        let (name, tokens) = ("response.output_text.delta", Some(self.waiting.as_slice()));
        self.events.push_delta(name, &self.place, text, tokens, out);
        self.sent.append(&mut self.waiting);
    }

    fn part(&mut self, choice: usize, part: &AnswerPart, out: &mut Vec<u8>) {
        if !self.accepts(choice) {
            return;
        }
        match part {
            AnswerPart::Text(text) => self.text(choice, text, out),
            AnswerPart::Reasoning(text) => self.reasoning(text, out),
            AnswerPart::ToolCall { index, name } => {
                let (index, name, arguments) = (*index, name.clone(), String::new());
                self.open(Block::Call { index, name, arguments }, out);
            }
            AnswerPart::ToolArguments { index, json } => self.arguments(*index, json, out),
        }
    }

    fn logprobs(&mut self, choice: usize, tokens: Vec<TokenLogprob>) {
        if self.accepts(choice) {
            self.waiting.extend(tokens);
        }
    }

    fn finish(&mut self, choice: usize, finish: &Finish, out: &mut Vec<u8>) {
        if !self.accepts(choice) {
            return;
        }
        if matches!(self.open, Some(Block::Text(_))) {
            self.sent.append(&mut self.waiting);
        }
        self.close(out);
        self.finish = Some(finish.clone());
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.has_ended {
            return;
        }
        let Some(finish) = &self.finish else {
            self.fail(&incomplete(), out);
            return;
        };
        let mut totals = Totals::new(&self.head);
        totals.add(finish);
        let response = response_body(
            &self.head,
            &self.repeated,
            std::mem::take(&mut self.items),
            finish,
            &totals,
        );
        let name = format!("response.{}", finish.response_status().0);
        self.events.push(&name, json!({"response": response}), out);
        self.has_ended = true;
    }

    fn fail(&mut self, error: &ApiError, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        let mut response = response_object(&self.head, &self.repeated, "failed");
        let code = error.code().unwrap_or("server_error");
        response.insert("error".to_owned(), json!({"code": code, "message": error.message()}));
        self.events.push("response.failed", json!({"response": response}), out);
    }
}
