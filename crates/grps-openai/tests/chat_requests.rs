//! Requests of `/v1/chat/completions`: what is read, and each limit at it and one past it.

#![expect(clippy::panic, reason = "helpers of tests end them")]

mod common;

use common::{refused, small_limits, with};
use grps_openai::{
    ApiError, ErrorKind, Generation, MediaKind, MediaSource, OutputFormat, Prompt, ToolChoice,
    read_chat,
};
use serde_json::{Value, json};

fn chat(changes: &Value) -> Result<Generation, ApiError> {
    let base = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
    read_chat(&with(base, changes), &small_limits())
}

fn accepted(changes: &Value) -> Generation {
    chat(changes).unwrap_or_else(|error| panic!("{changes}: {error}"))
}

fn param_of(changes: &Value) -> String {
    let (param, message) = refused(chat(changes));
    assert!(!message.is_empty());
    param
}

fn messages(generation: &Generation) -> &[Value] {
    match generation.prompts.as_slice() {
        [Prompt::Messages(messages)] => messages,
        other => panic!("{other:?}"),
    }
}

fn tool(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name, "parameters": {"type": "object"}}})
}

#[test]
fn defaults_are_those_of_the_model() {
    let chat = accepted(&json!({}));
    assert_eq!(chat.model, "m");
    assert_eq!(messages(&chat), [json!({"role": "user", "content": "Hi"})]);
    assert_eq!(
        (chat.choices, chat.stream, chat.include_usage, chat.logprobs),
        (1, false, false, None)
    );
    assert_eq!((chat.sampling.temperature, chat.sampling.max_tokens), (None, None));
    assert!(chat.sampling.skip_special_tokens && chat.parallel_tool_calls);
    assert_eq!((chat.tool_choice, chat.format), (ToolChoice::None, OutputFormat::Text));
    assert!(chat.template.add_generation_prompt && !chat.template.continue_final_message);
}

#[test]
fn numbers_are_accepted_at_their_limits_and_refused_past_them() {
    let cases = [
        ("temperature", json!([0, 0.7, 2]), json!([-0.1, 2.000_000_1, "1", true, []])),
        ("top_p", json!([0.001, 1]), json!([0, 1.001, -1, "x"])),
        ("min_p", json!([0, 1]), json!([-0.01, 1.01])),
        ("top_k", json!([-1, 0, 1, 50, 5.0]), json!([-2, 1.5, "3", 5_000_000_000_u64])),
        ("presence_penalty", json!([-2, 2]), json!([-2.01, 2.01])),
        ("frequency_penalty", json!([-2, 2]), json!([-2.01, 2.01])),
        ("repetition_penalty", json!([0.1, 10]), json!([0, -1, 10.1])),
        ("seed", json!([-1, 0, i64::MAX]), json!([1.5, "7", u64::MAX])),
        ("max_tokens", json!([1, 4096, u32::MAX]), json!([0, -1, 1.5, "5", 4_294_967_296_u64])),
        ("max_completion_tokens", json!([1]), json!([0, -1, false])),
        ("min_tokens", json!([0, 5]), json!([-1, 0.5])),
        ("min_length", json!([0, 5]), json!([-1, "a"])),
        ("n", json!([1, 4]), json!([0, 5, -1, 1.5, "2"])),
        ("beam_width", json!([0, 1]), json!([2, -1, "1"])),
        ("allowed_token_ids", json!([null]), json!([[1], []])),
        ("prompt_logprobs", json!([null]), json!([0, 1])),
        ("truncate_prompt_tokens", json!([null]), json!([-1, 5])),
        ("end_id", json!([-1, 0, 2]), json!([-2, "2"])),
        ("priority", json!([-3, 0, 9]), json!([0.5, "high", 4_294_967_296_u64])),
    ];
    for (name, good, bad) in cases {
        for value in good.as_array().expect("values") {
            accepted(&json!({name: value}));
        }
        for value in bad.as_array().expect("values") {
            let (param, message) = refused(chat(&json!({name: value})));
            assert_eq!(param, name, "{value}");
            assert!(message.contains(name) || name == "beam_width", "{message}");
        }
        accepted(&json!({name: null}));
    }
}

#[test]
fn fields_of_other_types_are_refused_by_name() {
    let cases = [
        ("model", json!([1, "", []])),
        ("stream", json!(["true", 1])),
        ("logprobs", json!([1, "yes"])),
        ("logit_bias", json!([[], "x", {"a": 1}, {"-1": 1}, {"+1": 1}, {"1.5": 1}, {"": 1}])),
        ("stop", json!([1, {}])),
        ("stop_token_ids", json!([5, "x"])),
        ("tools", json!([{}, "x"])),
        ("tool_choice", json!([1, "sometimes", []])),
        ("parallel_tool_calls", json!(["no"])),
        ("response_format", json!(["json"])),
        ("chat_template_kwargs", json!([[], "x"])),
        ("enable_thinking", json!(["yes", 1])),
        ("metadata", json!([[], "x"])),
        ("user", json!([1])),
        ("ignore_eos", json!([1])),
        ("messages", json!([[], {}, "Hi"])),
    ];
    for (name, bad) in cases {
        for value in bad.as_array().expect("values") {
            assert_eq!(param_of(&json!({name: value})), name, "{value}");
        }
    }
    assert_eq!(param_of(&json!({"model": null})), "model");
    assert_eq!(param_of(&json!({"messages": null})), "messages");
}

#[test]
fn unknown_fields_are_ignored() {
    accepted(&json!({"store": true, "service_tier": "auto", "x": {"y": [1]}, "verbosity": "low"}));
}

#[test]
fn what_changes_the_answer_and_is_not_supported_is_refused() {
    assert_eq!(param_of(&json!({"functions": [{"name": "f"}]})), "functions");
    assert_eq!(param_of(&json!({"function_call": "auto"})), "function_call");
    assert_eq!(param_of(&json!({"modalities": ["text", "audio"]})), "modalities");
    assert_eq!(param_of(&json!({"chat_template": "{{ x }}"})), "chat_template");
    assert_eq!(param_of(&json!({"use_beam_search": true})), "use_beam_search");
    assert_eq!(param_of(&json!({"n": 2, "best_of": 3})), "best_of");
    assert_eq!(accepted(&json!({"n": 2, "best_of": 2, "modalities": ["text"]})).choices, 2);
}

#[test]
fn stop_strings_and_tokens_have_limits() {
    let strings = |count: usize| vec!["x"; count];
    assert_eq!(accepted(&json!({"stop": "\n"})).sampling.stop, ["\n"]);
    assert_eq!(accepted(&json!({"stop": strings(16)})).sampling.stop.len(), 16);
    assert_eq!(param_of(&json!({"stop": strings(17)})), "stop");
    assert_eq!(param_of(&json!({"stop": ["a", ""]})), "stop[1]");
    assert_eq!(param_of(&json!({"stop": ["a", 1]})), "stop[1]");
    accepted(&json!({"stop": "x".repeat(256)}));
    assert_eq!(param_of(&json!({"stop": "x".repeat(257)})), "stop[0]");
    let ids =
        accepted(&json!({"stop_token_ids": vec![7; 64], "end_id": 2})).sampling.stop_token_ids;
    assert_eq!((ids.len(), ids[64]), (65, 2));
    assert_eq!(param_of(&json!({"stop_token_ids": vec![7; 65]})), "stop_token_ids");
    assert_eq!(param_of(&json!({"stop_token_ids": [1, -1]})), "stop_token_ids[1]");
    assert!(
        accepted(&json!({"stop": [], "stop_token_ids": [], "end_id": -1}))
            .sampling
            .stop_token_ids
            .is_empty()
    );
}

#[test]
fn biases_are_sorted_and_within_their_range() {
    let bias =
        accepted(&json!({"logit_bias": {"9": -100, "10": 100, "3": 0.5}})).sampling.logit_bias;
    assert_eq!(bias, [(3, 0.5), (9, -100.0), (10, 100.0)]);
    assert_eq!(param_of(&json!({"logit_bias": {"5": 100.1}})), "logit_bias.5");
    assert_eq!(param_of(&json!({"logit_bias": {"5": -101}})), "logit_bias.5");
    assert_eq!(param_of(&json!({"logit_bias": {"5": "1"}})), "logit_bias.5");
    assert_eq!(param_of(&json!({"logit_bias": {"4294967296": 1}})), "logit_bias");
    let many = |count: u32| {
        (0..count).map(|id| (id.to_string(), json!(1))).collect::<serde_json::Map<_, _>>()
    };
    accepted(&json!({"logit_bias": many(1024)}));
    assert_eq!(param_of(&json!({"logit_bias": many(1025)})), "logit_bias");
}

#[test]
fn alternatives_need_log_probabilities() {
    assert_eq!(accepted(&json!({"logprobs": true})).logprobs, Some(0));
    assert_eq!(accepted(&json!({"logprobs": true, "top_logprobs": 20})).logprobs, Some(20));
    assert_eq!(param_of(&json!({"logprobs": true, "top_logprobs": 21})), "top_logprobs");
    assert_eq!(param_of(&json!({"logprobs": true, "top_logprobs": -1})), "top_logprobs");
    assert_eq!(param_of(&json!({"top_logprobs": 2})), "top_logprobs");
    assert_eq!(accepted(&json!({"logprobs": false, "top_logprobs": 0})).logprobs, None);
}

#[test]
fn parameters_of_the_older_plugin_are_read() {
    let chat = accepted(&json!({
        "top_k": -1, "min_length": 3, "beam_width": 1, "bad": "damn", "bad_words": ["heck"],
        "end_id": 2, "seed": 7, "repetition_penalty": 1.1, "enable_thinking": false,
    }));
    let sampling = &chat.sampling;
    assert_eq!((sampling.top_k, sampling.min_tokens, sampling.seed), (Some(0), 3, Some(7)));
    assert_eq!(sampling.bad_words, ["damn", "heck"]);
    assert_eq!(sampling.bad_words_field, Some("bad"));
    assert_eq!(sampling.stop_token_ids, [2]);
    assert_eq!(chat.template.arguments["enable_thinking"], json!(false));
    assert_eq!(param_of(&json!({"bad": ["a", ""]})), "bad[1]");
    accepted(&json!({"bad": vec!["a"; 128]}));
    assert_eq!(param_of(&json!({"bad": vec!["a"; 129]})), "bad[128]");
}

#[test]
fn the_later_name_of_the_limit_of_tokens_counts() {
    let sampling = accepted(&json!({"max_tokens": 5, "max_completion_tokens": 7})).sampling;
    assert_eq!(sampling.max_tokens, Some(7));
    accepted(&json!({"max_tokens": 5, "min_tokens": 5}));
    assert_eq!(param_of(&json!({"max_tokens": 5, "min_tokens": 6})), "min_tokens");
}

#[test]
fn options_of_a_stream_need_a_stream() {
    let options = json!({"include_usage": true, "include_obfuscation": false});
    assert!(accepted(&json!({"stream": true, "stream_options": options})).include_usage);
    assert!(!accepted(&json!({"stream": true, "stream_options": {}})).include_usage);
    assert_eq!(param_of(&json!({"stream_options": options})), "stream_options");
    let wrong = json!({"stream": true, "stream_options": {"include_usage": 1}});
    assert_eq!(param_of(&wrong), "stream_options.include_usage");
}

#[test]
fn messages_get_the_form_of_templates() {
    let chat = accepted(&json!({"messages": [
        {"role": "developer", "content": "Be short."},
        {"role": "user", "name": "Ann", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": null, "reasoning": "Hm.", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1}"}},
            {"id": "c2", "type": "function", "function": {"name": "g", "arguments": ""}},
        ]},
        {"role": "tool", "tool_call_id": "c1", "content": "2"},
    ]}));
    let call = |id: &str, name: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
    assert_eq!(
        messages(&chat),
        [
            json!({"role": "system", "content": "Be short."}),
            json!({"role": "user", "name": "Ann", "content": "a\nb"}),
            json!({"role": "assistant", "content": "", "reasoning_content": "Hm.",
               "tool_calls": [call("c1", "f", "{\"x\": 1}"), call("c2", "g", "{}")]}),
            json!({"role": "tool", "tool_call_id": "c1", "content": "2"}),
        ]
    );
}

#[test]
fn wrong_messages_are_refused_by_position() {
    let cases = [
        (json!({"role": "robot", "content": "x"}), "messages[0].role"),
        (json!({"content": "x"}), "messages[0].role"),
        (json!("x"), "messages[0]"),
        (json!({"role": "user"}), "messages[0].content"),
        (json!({"role": "user", "content": 5}), "messages[0].content"),
        (json!({"role": "user", "content": []}), "messages[0].content"),
        (json!({"role": "user", "content": ["x"]}), "messages[0].content[0]"),
        (json!({"role": "user", "content": [{"type": "video"}]}), "messages[0].content[0].type"),
        (json!({"role": "user", "content": [{"type": "text"}]}), "messages[0].content[0].text"),
        (json!({"role": "assistant"}), "messages[0].content"),
        (json!({"role": "assistant", "tool_calls": []}), "messages[0].content"),
        (json!({"role": "assistant", "tool_calls": [{}]}), "messages[0].tool_calls[0].id"),
        (
            json!({"role": "assistant", "tool_calls": [{"id": "a"}]}),
            "messages[0].tool_calls[0].function",
        ),
        (
            json!({"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": 1}}]}),
            "messages[0].tool_calls[0].function.arguments",
        ),
        (json!({"role": "tool", "content": "x"}), "messages[0].tool_call_id"),
        (json!({"role": "tool", "content": "x", "tool_call_id": ""}), "messages[0].tool_call_id"),
    ];
    for (message, param) in cases {
        assert_eq!(param_of(&json!({"messages": [message]})), param, "{message}");
    }
}

fn image(url: &str) -> Value {
    let part = json!({"type": "image_url", "image_url": {"url": url, "detail": "low"}});
    json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "What?"}, part]}]})
}

#[test]
fn media_are_taken_out_of_messages() {
    let chat = accepted(&image("data:image/png;base64,iVBORw=="));
    let content = json!([{"type": "text", "text": "What?"}, {"type": "image"}]);
    assert_eq!(messages(&chat)[0]["content"], content);
    let bytes = vec![0x89, 0x50, 0x4e, 0x47];
    assert_eq!(chat.media[0].source, MediaSource::Data { mime: "image/png".to_owned(), bytes });
    let chat = accepted(&image("https://images.example/cat.png"));
    let url = "https://images.example/cat.png".to_owned();
    assert_eq!(
        (chat.media[0].kind, &chat.media[0].source),
        (MediaKind::Image, &MediaSource::Url(url))
    );
    let part = json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}});
    let chat = accepted(&json!({"messages": [{"role": "user", "content": [part]}]}));
    let source = MediaSource::Data { mime: "audio/wav".to_owned(), bytes: vec![0; 3] };
    assert_eq!((chat.media[0].kind, &chat.media[0].source), (MediaKind::Audio, &source));
    let part = json!({"type": "image_url", "image_url": {"url": "https://a.example/x"}});
    let system = json!({"messages": [{"role": "system", "content": [part]}]});
    assert_eq!(param_of(&system), "messages[0].content");
}

#[test]
fn files_and_other_schemes_are_never_media() {
    let urls = [
        "/etc/passwd",
        "file:///etc/passwd",
        "http://a.example/x.png",
        "ftp://a",
        "https://",
        "x",
        "data:image/png,xx",
        "data:image/png;base64,***",
        "data:image/png;base64,",
        "https://a.example/\nx",
        "éééééé",
    ];
    for url in urls {
        assert_eq!(param_of(&image(url)), "messages[0].content[1].image_url.url", "{url}");
    }
}

#[test]
fn tools_are_checked() {
    let chat = accepted(&json!({"tools": [tool("f"), tool("g-2_X")]}));
    assert_eq!(chat.tools[1].name, "g-2_X");
    assert_eq!(chat.tool_choice, ToolChoice::Auto);
    assert_eq!(chat.tools[0].template_value(), tool("f"));
    accepted(&json!({"tools": [tool(&"x".repeat(64))]}));
    for name in ["", "a b", "a.b", "é", &"x".repeat(65)] {
        assert_eq!(param_of(&json!({"tools": [tool(name)]})), "tools[0].function.name", "{name}");
    }
    assert_eq!(param_of(&json!({"tools": [tool("f"), tool("f")]})), "tools[1]");
    accepted(&json!({"tools": [tool("a"), tool("b"), tool("c")]}));
    assert_eq!(param_of(&json!({"tools": [tool("a"), tool("b"), tool("c"), tool("d")]})), "tools");
    assert_eq!(param_of(&json!({"tools": [{"type": "web_search"}]})), "tools[0].type");
    assert_eq!(param_of(&json!({"tools": [{"type": "function"}]})), "tools[0].function");
    let parameters = json!({"type": "function", "function": {"name": "f", "parameters": []}});
    assert_eq!(param_of(&json!({"tools": [parameters]})), "tools[0].function.parameters");
}

#[test]
fn the_choice_of_a_tool_must_be_possible() {
    let choose = |choice: Value| json!({"tools": [tool("f")], "tool_choice": choice});
    let named = |name: &str| json!({"type": "function", "function": {"name": name}});
    assert_eq!(accepted(&choose(json!("none"))).tool_choice, ToolChoice::None);
    assert_eq!(accepted(&choose(json!("required"))).tool_choice, ToolChoice::Required);
    let choice = accepted(&choose(named("f"))).tool_choice;
    assert_eq!(choice, ToolChoice::Named("f".to_owned()));
    let (param, message) = refused(chat(&choose(named("h"))));
    assert_eq!(param, "tool_choice");
    assert!(message.contains("'h'") && message.contains(": f."), "{message}");
    assert_eq!(param_of(&json!({"tool_choice": "required"})), "tool_choice");
    assert_eq!(param_of(&json!({"tool_choice": named("f")})), "tool_choice");
    assert_eq!(param_of(&choose(json!({"type": "function"}))), "tool_choice.name");
    assert_eq!(param_of(&choose(json!({"type": "allowed_tools"}))), "tool_choice.type");
    assert_eq!(
        accepted(&json!({"tool_choice": "auto", "tools": []})).tool_choice,
        ToolChoice::None
    );
}

#[test]
fn formats_of_the_output_are_read() {
    let schema = json!({"type": "object"});
    let strict = |name: Option<&str>, strict: bool| OutputFormat::JsonSchema {
        name: name.map(str::to_owned),
        schema: schema.clone(),
        strict,
    };
    let named = json!({"name": "s", "schema": schema, "strict": true});
    let cases = [
        (json!({"response_format": {"type": "text"}}), OutputFormat::Text),
        (json!({"response_format": {"type": "json_object"}}), OutputFormat::JsonObject),
        (
            json!({"response_format": {"type": "json_schema", "json_schema": named}}),
            strict(Some("s"), true),
        ),
        (json!({"guided_json": schema}), strict(None, true)),
        (json!({"guided_json": schema.to_string()}), strict(None, true)),
        (json!({"guided_regex": "a+"}), OutputFormat::Regex("a+".to_owned())),
        (json!({"structured_outputs": {"grammar": "g"}}), OutputFormat::Grammar("g".to_owned())),
        (
            json!({"structured_outputs": {"choice": ["a", "b"]}}),
            OutputFormat::Choice(vec!["a".to_owned(), "b".to_owned()]),
        ),
        (json!({"structured_outputs": {"json_object": true}}), OutputFormat::JsonObject),
    ];
    for (changes, expected) in cases {
        assert_eq!(accepted(&changes).format, expected, "{changes}");
    }
    let wrong = [
        (json!({"response_format": {}}), "response_format.type"),
        (json!({"response_format": {"type": "xml"}}), "response_format.type"),
        (json!({"response_format": {"type": "json_schema"}}), "response_format.json_schema"),
        (
            json!({"response_format": {"type": "json_schema", "json_schema": {"schema": 1}}}),
            "response_format.json_schema.schema",
        ),
        (json!({"guided_json": "{"}), "guided_json"),
        (json!({"guided_choice": []}), "guided_choice"),
        (json!({"structured_outputs": {"regex": 1}}), "structured_outputs.regex"),
        (json!({"structured_outputs": {"regex": "a", "grammar": "b"}}), "structured_outputs"),
    ];
    for (changes, param) in wrong {
        assert_eq!(param_of(&changes), param, "{changes}");
    }
}

#[test]
fn options_of_templates_are_read() {
    let chat = accepted(&json!({
        "chat_template_kwargs": {"enable_thinking": true, "x": 1}, "reasoning_effort": "none",
        "continue_final_message": true,
    }));
    let arguments = json!({"enable_thinking": false, "x": 1, "reasoning_effort": "none"});
    assert_eq!(Value::Object(chat.template.arguments), arguments);
    assert!(!chat.template.add_generation_prompt && chat.template.continue_final_message);
    let both = json!({"continue_final_message": true, "add_generation_prompt": true});
    assert_eq!(param_of(&both), "continue_final_message");
}

#[test]
fn bodies_are_bounded_in_size_and_depth() {
    let limits = small_limits();
    let body =
        with(json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]}), &json!({}));
    let padded =
        |bytes: usize| [body.as_slice(), " ".repeat(bytes - body.len()).as_bytes()].concat();
    read_chat(&padded(limits.body_bytes), &limits).expect("as large as allowed");
    let error = read_chat(&padded(limits.body_bytes + 1), &limits).expect_err("too large");
    assert_eq!((error.kind(), error.status()), (ErrorKind::TooLarge, 413));
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    for body in [
        deep.as_bytes(),
        b"",
        b"{",
        b"[]",
        b"5",
        b"\xff",
        b"{\"model\":\"\xff\"}",
        b"{\"n\":1e999}",
    ] {
        let (param, message) = refused(read_chat(body, &limits));
        assert!(param.is_empty() && message.starts_with("The body"), "{message}");
    }
}
