//! The object of a response and its items.

use serde_json::{Map, Value, json};

use super::blocks::{Block, Blocks};
use super::finish::{Finish, Totals};
use super::head::AnswerHead;
use super::ids::derived_id;
use super::logprobs::{TokenLogprob, push_token_array};

/// A response without its output.
pub(crate) fn response_object(
    head: &AnswerHead,
    repeated: &Map<String, Value>,
    status: &str,
) -> Map<String, Value> {
    let fields = json!({
        "id": head.response_id(),
        "object": "response",
        "created_at": head.created,
        "status": status,
        "background": false,
        "error": null,
        "incomplete_details": null,
        "model": head.model,
        "output": [],
        "previous_response_id": null,
        "store": false,
        "truncation": "disabled",
        "usage": null,
    });
    let mut response = repeated.clone();
    if let Value::Object(fields) = fields {
        response.extend(fields);
    }
    response
}

/// A response that has ended.
pub(crate) fn response_body(
    head: &AnswerHead,
    repeated: &Map<String, Value>,
    output: Vec<Value>,
    finish: &Finish,
    totals: &Totals,
) -> Value {
    let (status, details) = finish.response_status();
    let mut response = response_object(head, repeated, status);
    response.insert("output".to_owned(), Value::Array(output));
    response.insert("incomplete_details".to_owned(), details);
    response.insert("usage".to_owned(), totals.response());
    Value::Object(response)
}

/// The items of an answer. All log probabilities are those of the first text.
pub(crate) fn all_items(
    request_id: &str,
    blocks: &Blocks,
    logprobs: &[TokenLogprob],
) -> Vec<Value> {
    let mut logprobs = logprobs;
    let items = blocks.iter().enumerate().map(|(position, block)| {
        let tokens = match block {
            Block::Text(_) => std::mem::take(&mut logprobs),
            _ => &[],
        };
        item_done(request_id, position, block, tokens)
    });
    items.collect()
}

pub(crate) fn item_id(request_id: &str, position: usize, block: &Block) -> String {
    let kind = match block {
        Block::Text(_) => "msg_",
        Block::Reasoning(_) => "rs_",
        Block::Call { .. } => "fc_",
    };
    derived_id(kind, request_id, 0, position)
}

/// An item with its content.
pub(crate) fn item_done(
    request_id: &str,
    position: usize,
    block: &Block,
    logprobs: &[TokenLogprob],
) -> Value {
    let mut item = item_begun(request_id, position, block);
    item["status"] = json!("completed");
    match block {
        Block::Text(_) | Block::Reasoning(_) => {
            item["content"] = json!([content_part(block, logprobs)]);
        }
        Block::Call { arguments, .. } => item["arguments"] = json!(arguments),
    }
    item
}

/// An item before its content.
pub(crate) fn item_begun(request_id: &str, position: usize, block: &Block) -> Value {
    let id = item_id(request_id, position, block);
    match block {
        Block::Text(_) => json!({
            "type": "message", "id": id, "status": "in_progress", "role": "assistant",
            "content": [],
        }),
        Block::Reasoning(_) => json!({
            "type": "reasoning", "id": id, "status": "in_progress", "summary": [], "content": [],
        }),
        Block::Call { index, name, .. } => json!({
            "type": "function_call", "id": id, "status": "in_progress", "name": name,
            "call_id": derived_id("call_", request_id, 0, *index), "arguments": "",
        }),
    }
}

/// The only part of an item that has text.
pub(crate) fn content_part(block: &Block, logprobs: &[TokenLogprob]) -> Value {
    match block {
        Block::Text(text) => json!({
            "type": "output_text", "text": text, "annotations": [],
            "logprobs": logprob_values(logprobs),
        }),
        Block::Reasoning(text) => json!({"type": "reasoning_text", "text": text}),
        Block::Call { .. } => Value::Null,
    }
}

pub(crate) fn logprob_values(tokens: &[TokenLogprob]) -> Value {
    let mut written = Vec::new();
    push_token_array(&mut written, tokens);
    serde_json::from_slice(&written).unwrap_or_else(|_| json!([]))
}
