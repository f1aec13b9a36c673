//! Requests with one field changed, and events read as a client reads them.

#![allow(
    dead_code,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    unreachable_pub,
    reason = "each test uses its part of these"
)]

use grps_openai::{
    AnswerHead, ApiError, Finish, FinishReason, Limits, StreamOptions, TokenLogprob, TopLogprob,
};
use serde_json::{Value, json};

/// A request with the fields of another object put over it; null removes one.
pub fn with(mut base: Value, changes: &Value) -> Vec<u8> {
    for (name, value) in changes.as_object().expect("an object") {
        base[name] = value.clone();
    }
    base.to_string().into_bytes()
}

/// The field and the text of an error, which must be one of the request.
pub fn refused<T: std::fmt::Debug>(result: Result<T, ApiError>) -> (String, String) {
    let error = result.expect_err("refused");
    assert_eq!(error.status(), 400, "{error}");
    (error.param().unwrap_or_default().to_owned(), error.message().to_owned())
}

/// Limits that are easy to reach.
pub fn small_limits() -> Limits {
    Limits { body_bytes: 1 << 20, choices: 4, sequences: 8, tools: 3 }
}

pub fn head() -> AnswerHead {
    AnswerHead {
        request_id: "r1".to_owned(),
        created: 1_764_000_000,
        model: "tiny \"m\"".to_owned(),
        prompt_tokens: 10,
        cached_tokens: 4,
    }
}

pub fn options(choices: usize, include_usage: bool) -> StreamOptions {
    StreamOptions { choices, include_usage }
}

pub fn finish(reason: FinishReason, completion_tokens: u32) -> Finish {
    Finish { reason, stop_string: None, completion_tokens, reasoning_tokens: 1 }
}

pub fn token(bytes: &[u8], logprob: f32) -> TokenLogprob {
    let top = vec![TopLogprob { bytes: bytes.to_vec(), logprob }];
    TokenLogprob { bytes: bytes.to_vec(), logprob: Some(logprob), top }
}

/// An event: its name, which may be empty, and its data.
pub type Event = (String, String);

/// Divides a stream into events. All must be complete.
pub fn events(out: &[u8]) -> Vec<Event> {
    let text = std::str::from_utf8(out).expect("UTF-8");
    assert!(text.is_empty() || text.ends_with("\n\n"), "{text}");
    let mut events = Vec::new();
    for block in text.split("\n\n").filter(|block| !block.is_empty()) {
        let (mut name, mut data) = (String::new(), None);
        for line in block.lines() {
            match line.split_once(": ") {
                Some(("event", value)) => value.clone_into(&mut name),
                Some(("data", value)) => assert!(data.replace(value.to_owned()).is_none()),
                _ => assert!(line.starts_with(':'), "{line}"),
            }
        }
        events.extend(data.map(|data| (name, data)));
    }
    events
}

/// The JSON of the events; `[DONE]` is a string.
pub fn data(out: &[u8]) -> Vec<Value> {
    let parse = |(_, data): Event| match data.as_str() {
        "[DONE]" => json!("[DONE]"),
        data => serde_json::from_str(data).expect("JSON"),
    };
    events(out).into_iter().map(parse).collect()
}

/// The JSON of named events, whose names must be their types.
pub fn named(out: &[u8]) -> Vec<Value> {
    let parse = |(name, data): Event| {
        let value: Value = serde_json::from_str(&data).expect("JSON");
        assert_eq!(value["type"], json!(name));
        value
    };
    events(out).into_iter().map(parse).collect()
}

/// The types of named events.
pub fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().expect("a type")).collect()
}
