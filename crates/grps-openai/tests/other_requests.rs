//! Requests of all routes but chats.

#![expect(clippy::panic, reason = "helpers of tests end them")]

mod common;

use common::{refused, small_limits, with};
use grps_openai::{
    ApiError, EmbeddingEncoding, Generation, MediaSource, OutputFormat, Prompt, ResponsesRequest,
    ToolChoice, Truncation, read_completion, read_count_tokens, read_detokenize, read_embeddings,
    read_messages, read_rerank, read_responses, read_tokenize,
};
use serde_json::{Value, json};

fn completion(changes: &Value) -> Result<Generation, ApiError> {
    read_completion(&with(json!({"model": "m", "prompt": "Hi"}), changes), &small_limits())
}

fn responses(changes: &Value) -> Result<ResponsesRequest, ApiError> {
    read_responses(&with(json!({"model": "m", "input": "Hi"}), changes), &small_limits())
}

fn anthropic(changes: &Value) -> Result<Generation, ApiError> {
    let messages = json!([{"role": "user", "content": "Hi"}]);
    let base = json!({"model": "m", "max_tokens": 5, "messages": messages});
    read_messages(&with(base, changes), &small_limits())
}

fn messages(generation: &Generation) -> Value {
    match generation.prompts.as_slice() {
        [Prompt::Messages(messages)] => json!(messages),
        other => panic!("{other:?}"),
    }
}

/// Checks that each request is refused because of a field.
fn all_refused<T: std::fmt::Debug>(
    read: impl Fn(&Value) -> Result<T, ApiError>,
    cases: &[(Value, &str)],
) {
    for (changes, param) in cases {
        assert_eq!(refused(read(changes)).0, *param, "{changes}");
    }
}

#[test]
fn prompts_are_text_tokens_or_lists() {
    let text = |text: &str| Prompt::Text(text.to_owned());
    let cases = [
        (json!("a"), vec![text("a")]),
        (json!(["a", ""]), vec![text("a"), text("")]),
        (json!([1, 2]), vec![Prompt::Tokens(vec![1, 2])]),
        (json!([[1], [2, 3]]), vec![Prompt::Tokens(vec![1]), Prompt::Tokens(vec![2, 3])]),
        (json!(["a", [1]]), vec![text("a"), Prompt::Tokens(vec![1])]),
    ];
    for (prompt, expected) in cases {
        assert_eq!(completion(&json!({"prompt": prompt})).expect("accepted").prompts, expected);
    }
    all_refused(
        completion,
        &[
            (json!({"prompt": null}), "prompt"),
            (json!({"prompt": []}), "prompt"),
            (json!({"prompt": 5}), "prompt"),
            (json!({"prompt": [[]]}), "prompt[0]"),
            (json!({"prompt": [1, "a"]}), "prompt[1]"),
            (json!({"prompt": [1, -1]}), "prompt[1]"),
            (json!({"prompt": [1, 1.5]}), "prompt[1]"),
            (json!({"prompt": [4_294_967_296_u64]}), "prompt[0]"),
            (json!({"prompt": ["a", {}]}), "prompt[1]"),
            (json!({"prompt": vec!["a"; 9]}), "prompt"),
            (json!({"prompt": vec!["a"; 5], "n": 2}), "n"),
            (json!({"suffix": "x"}), "suffix"),
            (json!({"logprobs": 21}), "logprobs"),
            (json!({"logprobs": true}), "logprobs"),
            (json!({"max_tokens": 0}), "max_tokens"),
            (json!({"echo": "yes"}), "echo"),
            (json!({"best_of": 2}), "best_of"),
        ],
    );
}

#[test]
fn completions_have_their_own_defaults() {
    let read = completion(
        &json!({"prompt": vec!["a"; 4], "n": 2, "echo": true, "logprobs": 0, "suffix": ""}),
    );
    let read = read.expect("accepted");
    assert_eq!((read.total_choices(), read.echo, read.logprobs), (8, true, Some(0)));
    assert_eq!(read.sampling.max_tokens, Some(16));
    let read = completion(&json!({"min_tokens": 20, "logprobs": 20})).expect("accepted");
    assert_eq!((read.sampling.max_tokens, read.logprobs), (Some(20), Some(20)));
}

#[test]
fn items_of_responses_become_messages() {
    let input = json!([
        {"role": "user", "content": [{"type": "input_text", "text": "2+3?"},
                                     {"type": "input_image", "image_url": "https://a.example/x"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Wait."}]},
        {"type": "function_call", "call_id": "c1", "name": "add", "arguments": "{\"a\":2}"},
        {"type": "function_call", "call_id": "c2", "name": "add", "arguments": ""},
        {"type": "function_call_output", "call_id": "c1", "output": "5"},
        {"role": "assistant", "content": "5"},
        {"role": "assistant", "content": "6"},
        {"role": "developer", "content": "x"},
    ]);
    let read = responses(&json!({"input": input, "instructions": "Be short."})).expect("accepted");
    let call = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "add", "arguments": arguments}});
    assert_eq!(
        messages(&read.generation),
        json!([
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": [{"type": "text", "text": "2+3?"}, {"type": "image"}]},
            {"role": "assistant", "reasoning_content": "Hm", "content": "Wait.",
             "tool_calls": [call("c1", "{\"a\":2}"), call("c2", "{}")]},
            {"role": "tool", "tool_call_id": "c1", "content": "5"},
            {"role": "assistant", "content": "5"},
            {"role": "assistant", "content": "6"},
            {"role": "system", "content": "x"},
        ])
    );
    assert_eq!(read.generation.media[0].source, MediaSource::Url("https://a.example/x".to_owned()));
}

#[test]
fn options_of_responses_are_read_and_repeated() {
    let tool = json!({"type": "function", "name": "f", "parameters": {}, "strict": true});
    let format =
        json!({"format": {"type": "json_schema", "name": "s", "schema": {}, "strict": true}});
    let read = responses(&json!({
        "tools": [tool], "tool_choice": {"type": "function", "name": "f"}, "text": format,
        "max_output_tokens": 9, "temperature": 2, "reasoning": {"effort": "none"},
        "include": ["message.output_text.logprobs"], "store": true, "background": false,
    }));
    let ResponsesRequest { generation, repeated } = read.expect("accepted");
    assert_eq!(generation.tool_choice, ToolChoice::Named("f".to_owned()));
    assert!(matches!(generation.format, OutputFormat::JsonSchema { strict: true, .. }));
    assert_eq!((generation.sampling.max_tokens, generation.logprobs), (Some(9), Some(0)));
    assert_eq!(generation.template.arguments["enable_thinking"], json!(false));
    assert_eq!((&repeated["tools"][0], &repeated["temperature"]), (&tool, &json!(2)));
    assert_eq!((&repeated["top_p"], &repeated["metadata"]), (&json!(1.0), &json!({})));
    assert_eq!(
        responses(&json!({"top_logprobs": 3})).expect("accepted").generation.logprobs,
        Some(3)
    );
    all_refused(
        responses,
        &[
            (json!({"input": null}), "input"),
            (json!({"input": []}), "input"),
            (json!({"input": 5}), "input"),
            (json!({"input": [5]}), "input[0]"),
            (json!({"input": [{"type": "item_reference", "id": "x"}]}), "input[0].type"),
            (json!({"input": [{"role": "robot", "content": "x"}]}), "input[0].role"),
            (
                json!({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}),
                "input[0].content[0].type",
            ),
            (
                json!({"input": [{"type": "function_call_output", "output": "x"}]}),
                "input[0].call_id",
            ),
            (json!({"previous_response_id": "resp_1"}), "previous_response_id"),
            (json!({"conversation": "conv_1"}), "conversation"),
            (json!({"background": true}), "background"),
            (json!({"max_output_tokens": 0}), "max_output_tokens"),
            (json!({"top_logprobs": 21}), "top_logprobs"),
            (json!({"tools": [{"type": "web_search"}]}), "tools[0].type"),
            (
                json!({"text": {"format": {"type": "json_schema", "schema": 1}}}),
                "text.format.schema",
            ),
            (json!({"temperature": 2.1}), "temperature"),
        ],
    );
}

#[test]
fn blocks_of_messages_become_messages() {
    let read = anthropic(&json!({
        "system": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "b"}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "2+3?"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "Hm", "signature": "s"}, {"type": "text", "text": "Wait."},
                {"type": "tool_use", "id": "t1", "name": "add", "input": {"a": 2}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "5"}]},
                {"type": "text", "text": "Thanks."}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t2"}]},
        ],
    }));
    let read = read.expect("accepted");
    assert_eq!(
        messages(&read),
        json!([
            {"role": "system", "content": "a\nb"},
            {"role": "user", "content": [{"type": "text", "text": "2+3?"}, {"type": "image"}]},
            {"role": "assistant", "content": "Wait.", "reasoning_content": "Hm", "tool_calls": [
                {"id": "t1", "type": "function", "function": {"name": "add", "arguments": "{\"a\":2}"}}]},
            {"role": "tool", "tool_call_id": "t1", "content": "5"},
            {"role": "user", "content": "Thanks."},
            {"role": "tool", "tool_call_id": "t2", "content": ""},
        ])
    );
    assert_eq!(read.media.len(), 1);
}

#[test]
fn options_of_messages_are_read() {
    let tool = json!({"name": "f", "input_schema": {"type": "object"}});
    let read = anthropic(&json!({
        "tools": [tool], "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
        "stop_sequences": ["X"], "temperature": 1, "top_k": 5, "top_p": 0.5,
        "thinking": {"type": "enabled", "budget_tokens": 1024}, "metadata": {"user_id": "u"},
    }));
    let read = read.expect("accepted");
    assert_eq!((read.tool_choice, read.parallel_tool_calls), (ToolChoice::Required, false));
    assert_eq!((read.sampling.stop, read.sampling.max_tokens), (vec!["X".to_owned()], Some(5)));
    assert_eq!((read.user.as_deref(), read.include_usage), (Some("u"), true));
    assert_eq!(read.template.arguments["enable_thinking"], json!(true));
    all_refused(
        anthropic,
        &[
            (json!({"max_tokens": null}), "max_tokens"),
            (json!({"max_tokens": 0}), "max_tokens"),
            (json!({"messages": []}), "messages"),
            (json!({"messages": [{"role": "system", "content": "x"}]}), "messages[0].role"),
            (json!({"messages": [{"role": "user"}]}), "messages[0].content"),
            (json!({"messages": [{"role": "user", "content": []}]}), "messages[0].content"),
            (
                json!({"messages": [{"role": "user", "content": [{"type": "document"}]}]}),
                "messages[0].content[0].type",
            ),
            (
                json!({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}),
                "messages[0].content[0].tool_use_id",
            ),
            (
                json!({"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": "x"}]}]}),
                "messages[0].content[0].input",
            ),
            (
                json!({"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "file:///x"}}]}]}),
                "messages[0].content[0].source.url",
            ),
            (json!({"temperature": 1.01}), "temperature"),
            (json!({"stop_sequences": [""]}), "stop_sequences[0]"),
            (json!({"system": 5}), "system"),
            (json!({"tools": [{"name": "f"}]}), "tools[0].input_schema"),
            (json!({"tools": [{"type": "bash_20250124", "name": "bash"}]}), "tools[0].type"),
            (json!({"tools": [tool], "tool_choice": {"type": "tool", "name": "g"}}), "tool_choice"),
            (json!({"tools": [tool], "tool_choice": {"type": "some"}}), "tool_choice.type"),
            (
                json!({"thinking": {"type": "enabled", "budget_tokens": 1023}}),
                "thinking.budget_tokens",
            ),
            (json!({"thinking": {"type": "on"}}), "thinking.type"),
        ],
    );
}

#[test]
fn counting_needs_no_limit_of_tokens() {
    let body = br#"{"model": "m", "messages": [{"role": "user", "content": "Hi"}]}"#;
    let read = read_count_tokens(body, &small_limits()).expect("accepted");
    assert_eq!(messages(&read), json!([{"role": "user", "content": "Hi"}]));
}

#[test]
fn embeddings_have_inputs_and_an_encoding() {
    let read = |changes: &Value| {
        read_embeddings(&with(json!({"model": "m", "input": "a"}), changes), &small_limits())
    };
    let all = read(&json!({"input": ["a", "b"], "dimensions": 8, "encoding_format": "base64"}));
    let all = all.expect("accepted");
    assert_eq!((all.inputs.len(), all.dimensions), (2, Some(8)));
    assert_eq!(all.encoding, EmbeddingEncoding::Base64);
    assert_eq!(read(&json!({})).expect("accepted").encoding, EmbeddingEncoding::Float);
    let truncation = |value: i32| {
        let read = read(&json!({"truncate_prompt_tokens": value}));
        read.map(|embeddings| embeddings.truncation)
    };
    assert_eq!(all.truncation, Truncation::Refuse);
    assert_eq!(truncation(-1).expect("accepted"), Truncation::ToModel);
    assert_eq!(truncation(7).expect("accepted"), Truncation::To(7));
    all_refused(
        read,
        &[
            (json!({"input": []}), "input"),
            (json!({"input": null}), "input"),
            (json!({"dimensions": 0}), "dimensions"),
            (json!({"encoding_format": "int8"}), "encoding_format"),
            (json!({"truncate_prompt_tokens": 0}), "truncate_prompt_tokens"),
            (json!({"truncate_prompt_tokens": -2}), "truncate_prompt_tokens"),
            (json!({"model": null}), "model"),
        ],
    );
}

#[test]
fn documents_are_texts_or_objects() {
    let read = |changes: &Value| {
        let base = json!({"model": "m", "query": "q", "documents": ["a", {"text": "b"}]});
        read_rerank(&with(base, changes), &small_limits())
    };
    let all = read(&json!({"top_n": 5, "return_documents": false})).expect("accepted");
    assert_eq!((all.documents, all.top_n), (vec!["a".to_owned(), "b".to_owned()], 2));
    assert!(!all.return_documents);
    assert_eq!(read(&json!({"top_n": 1})).expect("accepted").top_n, 1);
    all_refused(
        read,
        &[
            (json!({"top_n": 0}), "top_n"),
            (json!({"query": ""}), "query"),
            (json!({"documents": []}), "documents"),
            (json!({"documents": vec!["a"; 9]}), "documents"),
            (json!({"documents": [{}]}), "documents[0].text"),
            (json!({"documents": [1]}), "documents[0]"),
        ],
    );
}

#[test]
fn tokens_are_asked_for_by_text_or_messages() {
    let limits = small_limits();
    let read = |body: &Value| read_tokenize(body.to_string().as_bytes(), &limits);
    let text = read(&json!({"prompt": "a", "return_token_strs": true})).expect("accepted");
    assert_eq!(text.prompt, Prompt::Text("a".to_owned()));
    assert!(text.add_special_tokens && text.return_token_strings && text.model.is_none());
    let chat = read(&json!({"messages": [{"role": "user", "content": "a"}]})).expect("accepted");
    assert!(!chat.add_special_tokens && chat.template.add_generation_prompt);
    all_refused(
        read,
        &[
            (json!({}), "prompt"),
            (json!({"prompt": 1}), "prompt"),
            (json!({"prompt": "a", "messages": []}), "prompt"),
            (json!({"messages": []}), "messages"),
        ],
    );
    let read = |body: &Value| read_detokenize(body.to_string().as_bytes(), &limits);
    assert_eq!(read(&json!({"tokens": [1, 2]})).expect("accepted").tokens, [1, 2]);
    assert!(read(&json!({"tokens": []})).expect("accepted").tokens.is_empty());
    all_refused(read, &[(json!({}), "tokens"), (json!({"tokens": ["a"]}), "tokens[0]")]);
}
