//! The streams of completions, responses and messages.

mod common;

use common::{data, finish, head, named, options, token, types};
use grps_chat::AnswerPart;
use grps_openai::{
    AnswerStream, ApiError, CompletionStream, ErrorKind, FinishReason, MessageStream,
    ResponseStream, TokenLogprob,
};
use serde_json::{Map, Value, json};

fn call(index: usize, name: &str) -> AnswerPart {
    AnswerPart::ToolCall { index, name: name.to_owned() }
}

fn arguments(index: usize, json: &str) -> AnswerPart {
    AnswerPart::ToolArguments { index, json: json.to_owned() }
}

/// Reasoning, text, two calls, and a piece of a call that is over.
fn parts() -> [AnswerPart; 9] {
    [
        AnswerPart::Reasoning("Hm".to_owned()),
        AnswerPart::Text("a".to_owned()),
        AnswerPart::Text(String::new()),
        AnswerPart::Text("\"b".to_owned()),
        call(0, "f"),
        arguments(0, "{\"x\":"),
        arguments(0, "1}"),
        call(1, "g"),
        arguments(0, "late"),
    ]
}

#[test]
fn completions_have_text_columns_and_offsets() {
    let mut stream = CompletionStream::begin(&head(), options(2, true));
    let mut out = Vec::new();
    stream.logprobs(0, vec![TokenLogprob { logprob: None, ..token("é".as_bytes(), 0.0) }]);
    stream.text(0, "é", &mut out);
    stream.logprobs(0, vec![token(b"a\"", -1.5), token(b"\xe2\x82", -2.0)]);
    stream.text(0, "a\"", &mut out);
    stream.logprobs(0, vec![token(b"\xac", -0.25)]);
    stream.text(1, "x", &mut out);
    stream.finish(0, &finish(FinishReason::Length, 3), &mut out);
    stream.finish(1, &finish(FinishReason::Stop, 1), &mut out);
    stream.end(&mut out);
    let data = data(&out);
    assert_eq!(data.len(), 7);
    assert_eq!(data[0]["id"], json!("cmpl-r1"));
    assert_eq!(data[0]["object"], json!("text_completion"));
    assert_eq!(data[0]["choices"][0]["text"], json!("é"));
    assert_eq!(data[0]["choices"][0]["logprobs"]["token_logprobs"], json!([null]));
    assert_eq!(
        data[1]["choices"][0]["logprobs"],
        json!({
            "tokens": ["a\"", "bytes:\\xe2\\x82"], "token_logprobs": [-1.5, -2.0],
            "top_logprobs": [{"a\"": -1.5}, {"bytes:\\xe2\\x82": -2.0}], "text_offset": [1, 3],
        })
    );
    assert_eq!(
        data[2]["choices"][0],
        json!({"index": 1, "text": "x", "logprobs": null, "finish_reason": null})
    );
    assert_eq!(data[3]["choices"][0]["finish_reason"], json!("length"));
    assert_eq!(data[3]["choices"][0]["logprobs"]["text_offset"], json!([4]));
    assert_eq!(data[5]["choices"], json!([]));
    assert_eq!(data[5]["usage"]["completion_tokens"], json!(4));
    assert!(data[..5].iter().all(|chunk| chunk["usage"].is_null()));
    assert_eq!(data[6], json!("[DONE]"));
}

#[test]
fn a_completion_that_fails_has_no_done() {
    let mut stream = CompletionStream::begin(&head(), options(1, false));
    let mut out = Vec::new();
    stream.text(0, "a", &mut out);
    stream.end(&mut out);
    stream.fail(&ApiError::new(ErrorKind::Timeout, "late"), &mut out);
    let data = data(&out);
    assert_eq!(data.len(), 2);
    assert_eq!(data[1]["error"]["type"], json!("server_error"));
}

#[test]
fn messages_have_blocks_one_after_the_other() {
    let mut out = Vec::new();
    let mut stream = MessageStream::begin(&head(), &mut out);
    stream.keep_alive(&mut out);
    for part in parts() {
        stream.part(0, &part, &mut out);
    }
    stream.finish(0, &finish(FinishReason::Stop, 9), &mut out);
    stream.end(&mut out);
    let events = named(&out);
    assert_eq!(
        types(&events),
        [
            "message_start",
            "ping",
            "content_block_start",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "content_block_start",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "content_block_start",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "content_block_start",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
    );
    let message = &events[0]["message"];
    assert_eq!((&message["id"], &message["content"]), (&json!("msg_r1"), &json!([])));
    assert_eq!(message["usage"]["input_tokens"], json!(6));
    assert_eq!(message["usage"]["cache_read_input_tokens"], json!(4));
    assert_eq!(events[3]["delta"], json!({"type": "thinking_delta", "thinking": "Hm"}));
    assert_eq!(events[4]["delta"], json!({"type": "signature_delta", "signature": ""}));
    assert_eq!(events[7]["delta"], json!({"type": "text_delta", "text": "a"}));
    assert_eq!(events[10]["content_block"]["name"], json!("f"));
    assert!(events[10]["content_block"]["id"].as_str().unwrap().starts_with("toolu_"));
    assert_eq!(events[11]["delta"], json!({"type": "input_json_delta", "partial_json": "{\"x\":"}));
    let indexes: Vec<u64> =
        events[2..16].iter().map(|event| event["index"].as_u64().unwrap()).collect();
    assert_eq!(indexes, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3]);
    assert_eq!(events[16]["delta"], json!({"stop_reason": "tool_use", "stop_sequence": null}));
    assert_eq!(events[16]["usage"]["output_tokens"], json!(9));
}

#[test]
fn messages_say_why_they_end() {
    let reason = |reason: FinishReason, stop_string: Option<&str>| {
        let mut out = Vec::new();
        let mut stream = MessageStream::begin(&head(), &mut out);
        let mut finish = finish(reason, 1);
        finish.stop_string = stop_string.map(str::to_owned);
        stream.finish(0, &finish, &mut out);
        named(&out)[1]["delta"].clone()
    };
    let expected = |reason: &str, sequence: Option<&str>| json!({"stop_reason": reason, "stop_sequence": sequence});
    assert_eq!(reason(FinishReason::Stop, None), expected("end_turn", None));
    assert_eq!(reason(FinishReason::Stop, Some("X")), expected("stop_sequence", Some("X")));
    assert_eq!(reason(FinishReason::Length, None), expected("max_tokens", None));
    assert_eq!(reason(FinishReason::ContentFilter, None), expected("refusal", None));
}

#[test]
fn a_message_that_fails_has_no_end() {
    let mut out = Vec::new();
    let mut stream = MessageStream::begin(&head(), &mut out);
    stream.text(0, "a", &mut out);
    stream.end(&mut out);
    stream.text(0, "b", &mut out);
    let events = named(&out);
    assert_eq!(types(&events).last(), Some(&"error"));
    assert_eq!(events[3]["error"]["type"], json!("api_error"));
    assert_eq!(events.len(), 4);
}

fn response(parts: &[AnswerPart], reason: FinishReason) -> Vec<Value> {
    let mut out = Vec::new();
    let repeated =
        Map::from_iter([("temperature".to_owned(), json!(0.5)), ("id".to_owned(), json!("x"))]);
    let mut stream = ResponseStream::begin(head(), repeated, &mut out);
    for part in parts {
        stream.part(0, part, &mut out);
    }
    stream.finish(0, &finish(reason, 9), &mut out);
    stream.end(&mut out);
    named(&out)
}

#[test]
fn responses_have_items_one_after_the_other() {
    let events = response(&parts(), FinishReason::Stop);
    let short: Vec<&str> =
        types(&events).iter().map(|kind| kind.strip_prefix("response.").unwrap()).collect();
    assert_eq!(
        short,
        [
            "created",
            "in_progress",
            "output_item.added",
            "content_part.added",
            "reasoning_text.delta",
            "reasoning_text.done",
            "content_part.done",
            "output_item.done",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "output_item.added",
            "function_call_arguments.delta",
            "function_call_arguments.delta",
            "function_call_arguments.done",
            "output_item.done",
            "output_item.added",
            "function_call_arguments.done",
            "output_item.done",
            "completed",
        ]
    );
    let numbers: Vec<usize> =
        events.iter().map(|e| e["sequence_number"].as_u64().unwrap() as usize).collect();
    assert_eq!(numbers, (0..events.len()).collect::<Vec<_>>());
    let created = &events[0]["response"];
    assert_eq!((&created["id"], &created["status"]), (&json!("resp_r1"), &json!("in_progress")));
    assert_eq!((&created["temperature"], &created["usage"]), (&json!(0.5), &Value::Null));
    assert_eq!(events[11]["delta"], json!("\"b"));
    assert_eq!(events[11]["item_id"], events[8]["item"]["id"]);
    assert_eq!(events[12]["text"], json!("a\"b"));
    assert_eq!(events[18]["arguments"], json!("{\"x\":1}"));
    let done = &events[23]["response"];
    let items: Vec<&Value> = [7, 14, 19, 22].map(|index: usize| &events[index]["item"]).to_vec();
    assert_eq!(done["output"], json!(items));
    assert_eq!(done["usage"]["total_tokens"], json!(19));
    assert_eq!(done["output"][1]["content"][0]["text"], json!("a\"b"));
    assert_eq!(done["output"][2]["status"], json!("completed"));
    for (position, index) in [2_usize, 8, 15, 20].into_iter().enumerate() {
        assert_eq!(events[index]["output_index"], json!(position));
        assert_eq!(events[index]["item"]["id"], items[position]["id"]);
    }
}

#[test]
fn a_response_that_is_too_long_is_incomplete() {
    let events = response(&[AnswerPart::Text("a".to_owned())], FinishReason::Length);
    let last = events.last().unwrap();
    assert_eq!(last["type"], json!("response.incomplete"));
    assert_eq!(last["response"]["incomplete_details"], json!({"reason": "max_output_tokens"}));
    assert_eq!(last["response"]["status"], json!("incomplete"));
}

#[test]
fn a_response_that_fails_says_so() {
    let mut out = Vec::new();
    let mut stream = ResponseStream::begin(head(), Map::new(), &mut out);
    stream.text(0, "a", &mut out);
    stream.fail(&ApiError::new(ErrorKind::Unavailable, "The model is stopped."), &mut out);
    stream.end(&mut out);
    let events = named(&out);
    let last = events.last().unwrap();
    assert_eq!(last["type"], json!("response.failed"));
    let error = json!({"code": "unavailable", "message": "The model is stopped."});
    assert_eq!(
        (&last["response"]["error"], &last["response"]["status"]),
        (&error, &json!("failed"))
    );
}

#[test]
fn responses_have_log_probabilities_with_their_text() {
    let mut out = Vec::new();
    let mut stream = ResponseStream::begin(head(), Map::new(), &mut out);
    stream.logprobs(0, vec![token(b"a", -1.0)]);
    stream.text(0, "a", &mut out);
    stream.logprobs(0, vec![token(b"</s>", -2.0)]);
    stream.finish(0, &finish(FinishReason::Stop, 2), &mut out);
    stream.end(&mut out);
    let events = named(&out);
    assert_eq!(events[4]["logprobs"][0]["token"], json!("a"));
    let content = &events.last().unwrap()["response"]["output"][0]["content"][0];
    assert_eq!(content["logprobs"].as_array().unwrap().len(), 2);
}
