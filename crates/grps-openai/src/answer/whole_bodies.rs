//! Bodies of whole chats, completions and messages.

use serde_json::{Map, Value, json};

use super::blocks::{Block, Blocks, arguments_object};
use super::finish::{Finish, Totals};
use super::head::AnswerHead;
use super::ids::derived_id;
use super::json_text::{push_array, push_integer, push_string};
use super::logprobs::{push_chat_logprobs, push_completion_logprobs};
use super::whole::Ended;

/// Appends the frame of a body with its choices, which are written by hand because of the columns
/// of log probabilities.
fn body(
    head: &AnswerHead,
    (id, object): (&str, &str),
    choices: &[Ended<'_>],
    totals: &Totals,
    mut push: impl FnMut(&mut Vec<u8>, usize, Ended<'_>),
) -> Vec<u8> {
    let mut out = b"{\"id\":".to_vec();
    push_string(&mut out, id);
    out.extend_from_slice(b",\"object\":");
    push_string(&mut out, object);
    out.extend_from_slice(format!(",\"created\":{},\"model\":", head.created).as_bytes());
    push_string(&mut out, &head.model);
    out.extend_from_slice(b",\"system_fingerprint\":null,\"choices\":");
    let mut index = 0;
    push_array(&mut out, choices, |out, &ended| {
        push(out, index, ended);
        index += 1;
    });
    out.extend_from_slice(format!(",\"usage\":{}}}", totals.chat()).as_bytes());
    out
}

pub(crate) fn chat_body(head: &AnswerHead, choices: &[Ended<'_>], totals: &Totals) -> Vec<u8> {
    let kind = (&*head.chat_id(), "chat.completion");
    body(head, kind, choices, totals, |out, index, (choice, finish)| {
        out.extend_from_slice(b"{\"index\":");
        push_integer(out, index);
        out.extend_from_slice(b",\"message\":");
        let message = chat_message(&head.request_id, index, &choice.blocks);
        out.extend_from_slice(message.to_string().as_bytes());
        out.extend_from_slice(b",\"logprobs\":");
        push_chat_logprobs(out, &choice.logprobs);
        out.extend_from_slice(b",\"finish_reason\":");
        push_string(out, finish.openai_reason(choice.blocks.has_calls()));
        out.push(b'}');
    })
}

/// The content is null if there are only calls.
fn chat_message(request_id: &str, choice: usize, blocks: &Blocks) -> Value {
    let calls: Vec<Value> = blocks
        .iter()
        .filter_map(|block| match block {
            Block::Call { index, name, arguments } => Some(json!({
                "id": derived_id("call_", request_id, choice, *index),
                "type": "function",
                "function": {"name": name, "arguments": arguments},
            })),
            _ => None,
        })
        .collect();
    let text = blocks.all_text();
    let content = if text.is_empty() && !calls.is_empty() { None } else { Some(text) };
    let mut message = Map::new();
    message.insert("role".to_owned(), json!("assistant"));
    message.insert("content".to_owned(), json!(content));
    message.insert("refusal".to_owned(), Value::Null);
    let reasoning = blocks.all_reasoning();
    if !reasoning.is_empty() {
        message.insert("reasoning_content".to_owned(), json!(reasoning));
    }
    if !calls.is_empty() {
        message.insert("tool_calls".to_owned(), Value::Array(calls));
    }
    Value::Object(message)
}

pub(crate) fn completion_body(
    head: &AnswerHead,
    choices: &[Ended<'_>],
    totals: &Totals,
) -> Vec<u8> {
    let kind = (&*head.completion_id(), "text_completion");
    body(head, kind, choices, totals, |out, index, (choice, finish)| {
        let texts = choice.blocks.iter().filter_map(|block| match block {
            Block::Text(text) | Block::Reasoning(text) => Some(text.as_str()),
            Block::Call { .. } => None,
        });
        out.extend_from_slice(b"{\"index\":");
        push_integer(out, index);
        out.extend_from_slice(b",\"text\":");
        push_string(out, &texts.collect::<String>());
        out.extend_from_slice(b",\"logprobs\":");
        push_completion_logprobs(out, &choice.logprobs, &mut 0);
        out.extend_from_slice(b",\"finish_reason\":");
        push_string(out, finish.openai_reason(false));
        out.push(b'}');
    })
}

pub(crate) fn message_body(
    head: &AnswerHead,
    blocks: &Blocks,
    finish: &Finish,
    totals: &Totals,
) -> Vec<u8> {
    let content: Vec<Value> = blocks
        .iter()
        .map(|block| match block {
            Block::Text(text) => json!({"type": "text", "text": text}),
            Block::Reasoning(text) => {
                json!({"type": "thinking", "thinking": text, "signature": ""})
            }
            Block::Call { index, name, arguments } => json!({
                "type": "tool_use",
                "id": derived_id("toolu_", &head.request_id, 0, *index),
                "name": name,
                "input": arguments_object(arguments),
            }),
        })
        .collect();
    let body = json!({
        "id": head.message_id(),
        "type": "message",
        "role": "assistant",
        "model": head.model,
        "content": content,
        "stop_reason": finish.anthropic_reason(blocks.has_calls()),
        "stop_sequence": finish.stop_string,
        "usage": totals.message(),
    });
    body.to_string().into_bytes()
}
