//! The stream of `/v1/chat/completions`, event by event.

mod common;

use common::{data, events, finish, head, options, token};
use grps_chat::AnswerPart;
use grps_openai::{AnswerStream, ApiError, ChatStream, ErrorKind, FinishReason};
use serde_json::{Value, json};

/// A stream with some choices, and what it wrote.
fn begin(choices: usize, include_usage: bool) -> (ChatStream, Vec<u8>) {
    let mut out = Vec::new();
    let stream = ChatStream::begin(&head(), options(choices, include_usage), &mut out);
    (stream, out)
}

fn chunk(index: usize, delta: &Value, reason: Option<&str>) -> Value {
    json!({
        "id": "chatcmpl-r1", "object": "chat.completion.chunk", "created": 1_764_000_000,
        "model": "tiny \"m\"", "system_fingerprint": null,
        "choices": [{"index": index, "delta": delta, "logprobs": null, "finish_reason": reason}],
    })
}

#[test]
fn a_stream_has_role_text_reason_and_end() {
    let (mut stream, mut out) = begin(1, false);
    stream.text(0, "Hel", &mut out);
    stream.text(0, "", &mut out);
    stream.part(0, &AnswerPart::Text("lo\n\"\\\u{1}é😀".to_owned()), &mut out);
    stream.finish(0, &finish(FinishReason::Stop, 2), &mut out);
    stream.end(&mut out);
    let expected = [
        chunk(0, &json!({"role": "assistant", "content": ""}), None),
        chunk(0, &json!({"content": "Hel"}), None),
        chunk(0, &json!({"content": "lo\n\"\\\u{1}é😀"}), None),
        chunk(0, &json!({}), Some("stop")),
        json!("[DONE]"),
    ];
    assert_eq!(data(&out), expected);
    assert!(events(&out).iter().all(|(name, _)| name.is_empty()));
}

#[test]
fn usage_is_one_event_without_choices_and_null_before() {
    let (mut stream, mut out) = begin(2, true);
    stream.text(1, "a", &mut out);
    stream.finish(1, &finish(FinishReason::Length, 5), &mut out);
    stream.finish(0, &finish(FinishReason::Stop, 7), &mut out);
    stream.end(&mut out);
    let data = data(&out);
    let (done, rest) = data.split_last().expect("events");
    let (usage, chunks) = rest.split_last().expect("events");
    assert_eq!(*done, json!("[DONE]"));
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["id"], json!("chatcmpl-r1"));
    assert_eq!(
        usage["usage"],
        json!({
            "prompt_tokens": 10, "completion_tokens": 12, "total_tokens": 22,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 2},
        })
    );
    assert!(chunks.iter().all(|chunk| chunk.get("usage") == Some(&Value::Null)));
    let without = begin(1, false).1;
    assert!(common::data(&without)[0].get("usage").is_none());
}

#[test]
fn choices_are_interleaved_with_their_index() {
    let (mut stream, mut out) = begin(3, false);
    for (choice, text) in [(2, "c"), (0, "a"), (2, "d"), (1, "b")] {
        stream.text(choice, text, &mut out);
    }
    stream.text(3, "no such choice", &mut out);
    stream.finish(2, &finish(FinishReason::Length, 1), &mut out);
    stream.text(2, "after its end", &mut out);
    stream.finish(2, &finish(FinishReason::Stop, 1), &mut out);
    let seen: Vec<(u64, Value, Value)> = data(&out)
        .iter()
        .map(|chunk| &chunk["choices"][0])
        .map(|c| {
            (
                c["index"].as_u64().unwrap(),
                c["delta"]["content"].clone(),
                c["finish_reason"].clone(),
            )
        })
        .collect();
    let text = |index: u64, text: &str| (index, json!(text), Value::Null);
    assert_eq!(
        seen,
        [
            text(0, ""),
            text(1, ""),
            text(2, ""),
            text(2, "c"),
            text(0, "a"),
            text(2, "d"),
            text(1, "b"),
            (2, Value::Null, json!("length")),
        ]
    );
}

#[test]
fn calls_have_their_identifier_once_and_all_arguments() {
    let (mut stream, mut out) = begin(1, false);
    let call = |index: usize, name: &str| AnswerPart::ToolCall { index, name: name.to_owned() };
    let piece =
        |index: usize, json: &str| AnswerPart::ToolArguments { index, json: json.to_owned() };
    for part in [
        AnswerPart::Reasoning("Hm".to_owned()),
        call(0, "f"),
        piece(0, "{\"x\""),
        piece(0, ""),
        piece(0, ": 1}"),
        call(1, "g"),
        piece(1, "{}"),
    ] {
        stream.part(0, &part, &mut out);
    }
    stream.finish(0, &finish(FinishReason::Stop, 9), &mut out);
    let data = data(&out);
    let deltas: Vec<&Value> = data.iter().map(|chunk| &chunk["choices"][0]["delta"]).collect();
    let id = |delta: &Value| delta["tool_calls"][0]["id"].as_str().unwrap().to_owned();
    let (first, second) = (id(deltas[2]), id(deltas[5]));
    assert!(first.starts_with("call_") && first.len() == 29 && first != second);
    let arguments = |index: u64, json: &str| json!({"tool_calls": [{"index": index, "function": {"arguments": json}}]});
    let begins = |index: u64, id: &str, name: &str| {
        json!({"tool_calls": [{"index": index, "id": id, "type": "function",
               "function": {"name": name, "arguments": ""}}]})
    };
    assert_eq!(
        deltas[1..],
        [
            &json!({"reasoning_content": "Hm"}),
            &begins(0, &first, "f"),
            &arguments(0, "{\"x\""),
            &arguments(0, ": 1}"),
            &begins(1, &second, "g"),
            &arguments(1, "{}"),
            &json!({}),
        ]
    );
    assert_eq!(data[7]["choices"][0]["finish_reason"], json!("tool_calls"));
}

#[test]
fn log_probabilities_come_with_the_next_text_or_the_end() {
    let (mut stream, mut out) = begin(1, false);
    stream.logprobs(0, vec![token(b"\xe2\x82", -0.5)]);
    stream.text(0, "", &mut out);
    stream.logprobs(0, vec![token(b"\xac", f32::NEG_INFINITY)]);
    stream.text(0, "€", &mut out);
    stream.text(0, "!", &mut out);
    stream.logprobs(0, vec![token(b"</s>", -1e-7)]);
    stream.finish(0, &finish(FinishReason::Stop, 3), &mut out);
    let data = data(&out);
    let logprobs: Vec<&Value> = data.iter().map(|chunk| &chunk["choices"][0]["logprobs"]).collect();
    let entry = |text: &str, bytes: &[u8], logprob: f64| {
        json!({"token": text, "logprob": logprob, "bytes": bytes,
               "top_logprobs": [{"token": text, "logprob": logprob, "bytes": bytes}]})
    };
    let euro = [entry("\\xe2\\x82", b"\xe2\x82", -0.5), entry("\\xac", b"\xac", -9999.0)];
    assert_eq!(*logprobs[1], json!({"content": euro, "refusal": null}));
    assert!(logprobs[0].is_null() && logprobs[2].is_null());
    assert_eq!(logprobs[3]["content"][0]["token"], json!("</s>"));
    assert!((logprobs[3]["content"][0]["logprob"].as_f64().unwrap() + 1e-7).abs() < 1e-12);
    assert_eq!(data.len(), 4);
}

#[test]
fn an_error_ends_the_stream_without_done() {
    let (mut stream, mut out) = begin(1, true);
    stream.text(0, "Hel", &mut out);
    stream.fail(&ApiError::new(ErrorKind::Server, "The engine failed."), &mut out);
    let length = out.len();
    stream.text(0, "lo", &mut out);
    stream.finish(0, &finish(FinishReason::Stop, 2), &mut out);
    stream.end(&mut out);
    assert_eq!(out.len(), length);
    let error = json!({"message": "The engine failed.", "type": "server_error", "param": null, "code": null});
    assert_eq!(data(&out).last(), Some(&json!({"error": error})));
}

#[test]
fn a_stream_that_is_ended_too_early_fails() {
    let (mut stream, mut out) = begin(2, false);
    stream.finish(0, &finish(FinishReason::Stop, 2), &mut out);
    stream.end(&mut out);
    stream.end(&mut out);
    let data = data(&out);
    assert_eq!(data.last().unwrap()["error"]["type"], json!("server_error"));
    assert!(!data.contains(&json!("[DONE]")));
}

#[test]
fn comments_keep_the_connection_open() {
    let (mut stream, mut out) = begin(1, false);
    out.clear();
    stream.keep_alive(&mut out);
    assert!(!out.is_empty() && events(&out).is_empty());
}
