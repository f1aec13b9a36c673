//! Prompts are equal to those that Python's `transformers` renders; see `tests/chat_templates`.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use grps_chat::{ChatError, ChatTemplate, PromptOptions, SpecialTokens};
use serde_json::{Map, Value};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/chat_templates")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

fn tokens(golden: &Value) -> SpecialTokens {
    let tokens = golden["tokens"].as_object().unwrap();
    SpecialTokens::new(tokens.iter().map(|(name, text)| (&**name, text.as_str().unwrap())))
}

fn list<'a>(variables: &'a Map<String, Value>, name: &str) -> &'a [Value] {
    variables.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn golden() -> Value {
    serde_json::from_str(&read("golden.json")).unwrap()
}

/// Whether both render the same text, or refuse with the same message, or fail.
fn is_same(rendered: &Result<String, ChatError>, expected: &Value) -> bool {
    match rendered {
        Ok(text) => expected["text"].as_str() == Some(text),
        Err(ChatError::Refused(message)) => expected["refused"].as_str() == Some(message),
        Err(_) => expected["fails"] == true,
    }
}

fn render(
    template: &ChatTemplate,
    messages: &Value,
    variables: &Value,
) -> Result<String, ChatError> {
    let variables = variables.as_object().unwrap();
    let mut own = variables.clone();
    own.retain(|name, _| !["add_generation_prompt", "tools", "documents"].contains(&&**name));
    let options = PromptOptions {
        tools: list(variables, "tools"),
        documents: list(variables, "documents"),
        add_generation_prompt: variables["add_generation_prompt"] == true,
        variables: Some(&own),
    };
    template.render(messages.as_array().unwrap(), &options)
}

fn assert_none(different: &[String]) {
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n\n"));
}

#[test]
fn prompts_are_those_of_transformers() {
    let golden = golden();
    let mut different = Vec::new();
    let mut templates: HashMap<&str, ChatTemplate> = HashMap::new();
    for case in golden["prompts"].as_array().unwrap() {
        let name = case["template"].as_str().unwrap();
        let template = templates
            .entry(name)
            .or_insert_with(|| ChatTemplate::parse(&read(name), tokens(&golden)).unwrap());
        let messages = &golden["conversations"][case["conversation"].as_str().unwrap()];
        for index in case["variables"].as_array().unwrap() {
            let index = usize::try_from(index.as_u64().unwrap()).unwrap();
            let rendered = render(template, messages, &golden["variables"][index]);
            if !is_same(&rendered, case) {
                different.push(format!("{case}\nwith variables {index}:\n{rendered:?}"));
            }
        }
    }
    assert!(templates.len() >= 30);
    assert_none(&different);
}

/// Renders the line of a file that is a template, without messages.
fn render_line(golden: &Value, line: &Value) -> Result<String, ChatError> {
    let source = line["source"].as_str().unwrap();
    let template = ChatTemplate::parse(source, SpecialTokens::default())?;
    let variables = golden["values"].as_object();
    template.render(&[], &PromptOptions { variables, ..PromptOptions::default() })
}

#[test]
fn constructs_are_those_of_jinja2() {
    let golden = golden();
    let mut different = Vec::new();
    for line in golden["constructs"].as_array().unwrap() {
        let rendered = render_line(&golden, line);
        if !is_same(&rendered, line) {
            different.push(format!("{line}\n{rendered:?}"));
        }
    }
    assert_none(&different);
}

#[test]
fn the_list_of_differences_is_exact() {
    let golden = golden();
    for line in golden["differences"].as_array().unwrap() {
        let rendered = render_line(&golden, line);
        assert!(!is_same(&rendered, line), "it belongs to constructs.txt: {line}");
    }
}

fn render_source(source: &str, messages: &[Value]) -> Result<String, ChatError> {
    let template = ChatTemplate::parse(source, SpecialTokens::default())?;
    template.render(messages, &PromptOptions::default())
}

#[test]
fn templates_read_no_files() {
    for source in [
        "{% include '/etc/passwd' %}",
        "{% extends '/etc/passwd' %}",
        "{% import '/etc/passwd' as a %}",
        "{% from '/etc/passwd' import a %}",
        "{{ open('/etc/passwd') }}",
        "{{ ''.__class__.__mro__[1] }}",
    ] {
        let error = render_source(source, &[]).unwrap_err();
        assert!(!error.is_of_request(), "{source}: {error}");
    }
}

#[test]
fn sizes_of_templates_are_limited() {
    let limit = grps_chat::MAX_TEMPLATE_BYTES;
    assert_eq!(render_source(&"x".repeat(limit), &[]).unwrap().len(), limit);
    let error = render_source(&"x".repeat(limit + 1), &[]).unwrap_err();
    assert!(matches!(error, ChatError::Syntax { line: None, .. }), "{error}");
    let error = render_source("a\n{% if %}", &[]).unwrap_err();
    assert!(matches!(error, ChatError::Syntax { line: Some(2), .. }), "{error}");
}

#[test]
fn sizes_of_prompts_are_limited() {
    let limit = grps_chat::MAX_PROMPT_BYTES;
    let source = "{% for m in messages %}{{ m.content }}{% endfor %}";
    let message = |bytes: usize| serde_json::json!({"role": "user", "content": "x".repeat(bytes)});
    assert_eq!(render_source(source, &[message(limit)]).unwrap().len(), limit);
    let error = render_source(source, &[message(limit), message(1)]).unwrap_err();
    assert_eq!(error, ChatError::PromptTooLong { limit });
    assert!(error.is_of_request());
}

#[test]
fn steps_are_limited() {
    let loops = "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}";
    let ends = "{% endfor %}{% endfor %}{% endfor %}";
    for source in [
        format!("{loops}x{ends}"),
        format!("{loops}{ends}"),
        format!("{{% set n = namespace(t='x') %}}{loops}{{% set n.t = n.t ~ n.t %}}{ends}"),
        format!("{loops}{{{{ 'x'.ljust(99999) | length | string | indent(99) | trim }}}}{ends}"),
    ] {
        let error = render_source(&source, &[]).unwrap_err();
        assert_eq!(error, ChatError::TooManySteps, "{source}");
    }
    for (source, expected) in [
        ("{{ 'x'.ljust(9999999999999) }}", ChatError::TooManySteps),
        ("{{ 'x'.zfill(9999999999999) }}", ChatError::TooManySteps),
    ] {
        assert_eq!(render_source(source, &[]).unwrap_err(), expected, "{source}");
    }
}

/// Each level holds the one below it twice, so the text would be longer than any memory.
#[test]
fn values_that_repeat_themselves_are_limited() {
    let value = "{% set n = namespace(l=[]) %}{% for i in range(60) %}{% set n.l = [n.l, n.l] %}{% endfor %}";
    for shown in ["{{ n.l }}", "{{ n.l | tojson }}"] {
        let error = render_source(&format!("{value}{shown}"), &[]).unwrap_err();
        assert_eq!(error, ChatError::TooManySteps, "{shown}");
    }
}

#[test]
fn depth_is_limited() {
    let deep =
        "{% set n = namespace(l=[]) %}{% for i in range(200) %}{% set n.l = [n.l] %}{% endfor %}";
    let nested = "(".repeat(5000) + "1" + &")".repeat(5000);
    for source in [
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
        "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        &format!("{deep}{{{{ n.l }}}}"),
        &format!("{deep}{{{{ n.l | tojson }}}}"),
        &format!("{{{{ {nested} }}}}"),
    ] {
        let error = render_source(source, &[]).unwrap_err();
        assert!(!error.is_of_request(), "{error}");
    }
}

#[test]
fn keys_keep_their_order() {
    let source = "{{ value | tojson }} {{ value }} {{ tools[0] | tojson }}";
    let template = ChatTemplate::parse(source, SpecialTokens::default()).unwrap();
    let value = serde_json::json!({"value": {"b": 1, "a": {"d": 2, "c": 3}}});
    let tools = [serde_json::json!({"z": 1, "y": 2})];
    let variables = value.as_object();
    let options = PromptOptions { variables, tools: &tools, ..PromptOptions::default() };
    let expected =
        r#"{"b": 1, "a": {"d": 2, "c": 3}} {'b': 1, 'a': {'d': 2, 'c': 3}} {"z": 1, "y": 2}"#;
    assert_eq!(template.render(&[], &options).unwrap(), expected);
}

#[test]
fn parts_of_text_become_text_where_the_template_takes_that() {
    let parts = serde_json::json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]);
    let messages = [serde_json::json!({"role": "user", "content": parts})];
    let source = "{% for m in messages %}{{ m.role + ': ' + m.content }}{% endfor %}";
    let template = ChatTemplate::parse(source, SpecialTokens::default()).unwrap();
    assert_eq!(template.render(&messages, &PromptOptions::default()).unwrap(), "user: a\nb");
}

#[test]
fn other_parts_are_refused_where_the_template_takes_text() {
    let parts = serde_json::json!([{"type": "image_url", "image_url": {"url": "data:,"}}]);
    let messages = [serde_json::json!({"role": "user", "content": parts})];
    let source = "{% for m in messages %}{{ m.role + ': ' + m.content }}{% endfor %}";
    let error = render_source(source, &messages).unwrap_err();
    assert!(matches!(error, ChatError::Message { index: 0, .. }), "{error}");
    assert!(error.is_of_request());
}

#[test]
fn a_template_may_write_what_the_probe_looks_for() {
    for source in [r#"Answer as {"type": "answer", "text":"#, r#""text":“x”"#, "'text': "] {
        assert_eq!(render_source(source, &[]).unwrap(), source);
    }
}
