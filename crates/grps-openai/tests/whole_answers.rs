//! Whole answers, errors and lists.

#![expect(clippy::expect_used, reason = "helpers of tests end them")]

mod common;

use common::{finish, head, token};
use grps_chat::AnswerPart;
use grps_openai::{
    AnswerStream, ApiError, ChatStream, EmbeddingEncoding, ErrorKind, FinishReason, ListedModel,
    Ranked, WholeAnswer, detokenize_body, embeddings_body, input_tokens_body, model_body,
    models_body, rerank_body, tokenize_body,
};
use serde_json::{Map, Value, json};

fn parse(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("JSON")
}

/// An answer with reasoning, text and a call in the first choice, and text in the second.
fn answer() -> WholeAnswer {
    let mut answer = WholeAnswer::new(head(), 2);
    let call = AnswerPart::ToolCall { index: 0, name: "f".to_owned() };
    let piece = |json: &str| AnswerPart::ToolArguments { index: 0, json: json.to_owned() };
    for part in [
        AnswerPart::Reasoning("H".to_owned()),
        AnswerPart::Reasoning("m".to_owned()),
        AnswerPart::Text("a".to_owned()),
        call,
        piece("{\"x\""),
        piece(":1}"),
    ] {
        answer.part(0, &part);
    }
    answer.text(1, "b\u{0}");
    answer.text(1, "c");
    answer.logprobs(1, vec![token(b"b\0", -1.0), token(b"c", -0.5)]);
    answer.text(2, "no such choice");
    answer.finish(0, finish(FinishReason::Stop, 5));
    answer.finish(1, finish(FinishReason::Length, 2));
    answer
}

#[test]
fn a_whole_chat_has_all_choices() {
    let body = parse(&answer().chat_body().expect("complete"));
    let message = &body["choices"][0]["message"];
    let id = message["tool_calls"][0]["id"].clone();
    assert_eq!(
        *message,
        json!({
            "role": "assistant", "content": "a", "refusal": null, "reasoning_content": "Hm",
            "tool_calls": [{"id": id, "type": "function",
                            "function": {"name": "f", "arguments": "{\"x\":1}"}}],
        })
    );
    assert_eq!(body["choices"][0]["finish_reason"], json!("tool_calls"));
    assert_eq!(body["choices"][1]["finish_reason"], json!("length"));
    assert_eq!(body["choices"][1]["index"], json!(1));
    assert_eq!(body["choices"][1]["message"]["content"], json!("b\u{0}c"));
    assert_eq!(body["choices"][1]["logprobs"]["content"][1]["bytes"], json!([99]));
    assert_eq!(body["usage"]["completion_tokens"], json!(7));
    assert_eq!((&body["id"], &body["object"]), (&json!("chatcmpl-r1"), &json!("chat.completion")));
}

#[test]
fn whole_answers_and_streams_have_the_same_identifiers() {
    let body = parse(&answer().chat_body().expect("complete"));
    let mut out = Vec::new();
    let mut stream = ChatStream::begin(&head(), common::options(2, false), &mut out);
    out.clear();
    stream.part(0, &AnswerPart::ToolCall { index: 0, name: "f".to_owned() }, &mut out);
    let streamed = common::data(&out)[0]["choices"][0]["delta"]["tool_calls"][0]["id"].clone();
    assert_eq!(body["choices"][0]["message"]["tool_calls"][0]["id"], streamed);
}

#[test]
fn the_content_of_a_chat_is_null_only_beside_calls() {
    let mut answer = WholeAnswer::new(head(), 2);
    answer.part(0, &AnswerPart::ToolCall { index: 0, name: "f".to_owned() });
    answer.finish(0, finish(FinishReason::Stop, 1));
    answer.finish(1, finish(FinishReason::ContentFilter, 0));
    let body = parse(&answer.chat_body().expect("complete"));
    assert_eq!(body["choices"][0]["message"]["content"], Value::Null);
    assert_eq!(body["choices"][1]["message"]["content"], json!(""));
    assert_eq!(body["choices"][1]["finish_reason"], json!("content_filter"));
}

#[test]
fn a_whole_completion_has_columns() {
    let body = parse(&answer().completion_body().expect("complete"));
    assert_eq!(body["choices"][1]["text"], json!("b\u{0}c"));
    assert_eq!(body["choices"][1]["logprobs"]["text_offset"], json!([0, 2]));
    assert_eq!(body["choices"][0]["logprobs"], Value::Null);
    assert_eq!((&body["id"], &body["object"]), (&json!("cmpl-r1"), &json!("text_completion")));
}

#[test]
fn a_whole_message_has_blocks() {
    let mut answer = answer();
    let body = parse(&answer.message_body().expect("complete"));
    let id = body["content"][2]["id"].clone();
    assert_eq!(
        body["content"],
        json!([
            {"type": "thinking", "thinking": "Hm", "signature": ""}, {"type": "text", "text": "a"},
            {"type": "tool_use", "id": id, "name": "f", "input": {"x": 1}},
        ])
    );
    assert_eq!(body["stop_reason"], json!("tool_use"));
    answer.part(0, &AnswerPart::ToolArguments { index: 0, json: "{".to_owned() });
    let body = parse(&answer.message_body().expect("complete"));
    assert_eq!(body["content"][2]["input"], json!({}));
}

#[test]
fn a_whole_response_has_items_and_fields_of_its_request() {
    let repeated = Map::from_iter([("temperature".to_owned(), json!(0.5))]);
    let body = parse(&answer().response_body(&repeated).expect("complete"));
    let kinds: Vec<&Value> =
        body["output"].as_array().unwrap().iter().map(|item| &item["type"]).collect();
    assert_eq!(kinds, ["reasoning", "message", "function_call"]);
    assert_eq!(body["output"][1]["content"][0]["type"], json!("output_text"));
    assert_eq!(body["output"][2]["arguments"], json!("{\"x\":1}"));
    assert_eq!((&body["temperature"], &body["status"]), (&json!(0.5), &json!("completed")));
    assert_eq!(body["usage"]["output_tokens"], json!(7));
}

#[test]
fn an_answer_that_has_not_ended_is_an_error() {
    let mut answer = WholeAnswer::new(head(), 2);
    answer.finish(0, finish(FinishReason::Stop, 1));
    assert_eq!(answer.chat_body().expect_err("incomplete").status(), 500);
    assert_eq!(answer.completion_body().expect_err("incomplete").status(), 500);
    assert!(answer.message_body().is_err() && answer.response_body(&Map::new()).is_err());
}

#[test]
fn errors_have_both_shapes() {
    let rows = [
        (
            ErrorKind::InvalidRequest,
            400,
            "invalid_request_error",
            Value::Null,
            "invalid_request_error",
        ),
        (
            ErrorKind::Authentication,
            401,
            "invalid_request_error",
            json!("invalid_api_key"),
            "authentication_error",
        ),
        (
            ErrorKind::Permission,
            403,
            "invalid_request_error",
            json!("permission_denied"),
            "permission_error",
        ),
        (ErrorKind::NotFound, 404, "invalid_request_error", Value::Null, "not_found_error"),
        (
            ErrorKind::MethodNotAllowed,
            405,
            "invalid_request_error",
            json!("method_not_allowed"),
            "invalid_request_error",
        ),
        (
            ErrorKind::TooLarge,
            413,
            "invalid_request_error",
            json!("request_too_large"),
            "request_too_large",
        ),
        (
            ErrorKind::RateLimited,
            429,
            "rate_limit_error",
            json!("rate_limit_exceeded"),
            "rate_limit_error",
        ),
        (ErrorKind::Server, 500, "server_error", Value::Null, "api_error"),
        (ErrorKind::Unavailable, 503, "server_error", json!("unavailable"), "overloaded_error"),
        (ErrorKind::Timeout, 504, "server_error", json!("timeout"), "timeout_error"),
    ];
    for (kind, status, openai, code, anthropic) in rows {
        let error = ApiError::new(kind, "text");
        assert_eq!(error.status(), status);
        let expected =
            json!({"error": {"message": "text", "type": openai, "param": null, "code": code}});
        assert_eq!(parse(&error.openai_body()), expected);
        let expected = json!({"type": "error", "error": {"type": anthropic, "message": "text"}});
        assert_eq!(parse(&error.anthropic_body()), expected);
    }
}

#[test]
fn errors_say_what_there_is_and_how_long_it_was() {
    let error = ApiError::model_not_found("gpt", &["tiny", "large"]);
    assert_eq!(
        (error.status(), error.code(), error.param()),
        (404, Some("model_not_found"), Some("model"))
    );
    assert!(error.message().contains("'gpt'") && error.message().contains("tiny, large"));
    assert!(ApiError::model_not_found("gpt", &[""; 0]).message().contains("none"));
    let error = ApiError::context_length("messages", 100, 90, 20);
    assert_eq!((error.status(), error.code()), (400, Some("context_length_exceeded")));
    for number in ["100", "110", "90", "20"] {
        assert!(error.message().contains(number), "{error}");
    }
    let body = parse(&ApiError::invalid("n", "wrong").anthropic_body());
    assert_eq!(body["error"]["message"], json!("n: wrong"));
}

#[test]
fn models_are_listed_by_name() {
    let model = ListedModel { name: "tiny".to_owned(), created: 5, max_model_len: Some(99) };
    let expected = json!({"id": "tiny", "object": "model", "created": 5, "owned_by": "grps", "max_model_len": 99});
    assert_eq!(parse(&model_body(&model)), expected);
    assert_eq!(parse(&models_body(&[model])), json!({"object": "list", "data": [expected]}));
}

#[test]
fn embeddings_are_numbers_or_base64() {
    let vectors = [vec![0.5_f32, -1e-20, f32::NAN], vec![]];
    let body = parse(&embeddings_body("m", &vectors, EmbeddingEncoding::Float, 3));
    assert_eq!(body["data"][0]["embedding"][2], Value::Null);
    assert_eq!(body["data"][0]["embedding"][0], json!(0.5));
    assert_eq!(body["data"][0]["embedding"][1].as_f64().map(|number| number as f32), Some(-1e-20));
    assert_eq!(body["data"][1], json!({"object": "embedding", "index": 1, "embedding": []}));
    assert_eq!(body["usage"], json!({"prompt_tokens": 3, "total_tokens": 3}));
    let body = parse(&embeddings_body("m", &[vec![1.0]], EmbeddingEncoding::Base64, 3));
    assert_eq!(body["data"][0]["embedding"], json!("AACAPw=="));
}

#[test]
fn the_best_documents_come_first() {
    let ranked =
        |index: usize, score: f32| Ranked { index, score, document: Some(index.to_string()) };
    let all = vec![ranked(0, 0.25), ranked(1, 0.75), ranked(2, 0.75), ranked(3, -1.0)];
    let body = parse(&rerank_body("r1", "m", all, 3, 7));
    let order: Vec<u64> =
        body["results"].as_array().unwrap().iter().map(|r| r["index"].as_u64().unwrap()).collect();
    assert_eq!(order, [1, 2, 0]);
    assert_eq!(
        body["results"][0],
        json!({"index": 1, "relevance_score": 0.75, "document": {"text": "1"}})
    );
}

#[test]
fn tokens_are_counted_and_listed() {
    let strings = ["a".to_owned()];
    let body = parse(&tokenize_body(&[7], 99, Some(&strings)));
    assert_eq!(body, json!({"count": 1, "max_model_len": 99, "tokens": [7], "token_strs": ["a"]}));
    assert_eq!(parse(&tokenize_body(&[], 99, None))["token_strs"], Value::Null);
    assert_eq!(parse(&detokenize_body("a\n")), json!({"prompt": "a\n"}));
    assert_eq!(parse(&input_tokens_body(4)), json!({"input_tokens": 4}));
}
