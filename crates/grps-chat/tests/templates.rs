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

#[test]
fn prompts_are_those_of_transformers() {
    let golden: Value = serde_json::from_str(&read("golden.json")).unwrap();
    let mut templates: HashMap<&str, ChatTemplate> = HashMap::new();
    let mut different = Vec::new();
    let cases = golden["cases"].as_array().unwrap();
    assert!(cases.len() > 500);
    for case in cases {
        let name = case["template"].as_str().unwrap();
        let template = templates
            .entry(name)
            .or_insert_with(|| ChatTemplate::parse(&read(name), tokens(&golden)).unwrap());
        let conversation = case["conversation"].as_str().unwrap();
        let messages = golden["conversations"][conversation].as_array().unwrap();
        let variables = case["variables"].as_object().unwrap();
        let mut own = variables.clone();
        own.retain(|name, _| !["add_generation_prompt", "tools", "documents"].contains(&&**name));
        let options = PromptOptions {
            tools: list(variables, "tools"),
            documents: list(variables, "documents"),
            add_generation_prompt: variables["add_generation_prompt"] == true,
            variables: Some(&own),
        };
        let rendered = template.render(messages, &options);
        let is_same = match &rendered {
            Ok(text) => case["text"].as_str() == Some(text),
            Err(ChatError::Refused(message)) => case["refused"].as_str() == Some(message),
            Err(_) => case["fails"] == true,
        };
        if !is_same {
            different.push(format!("{name} {conversation} {variables:?}:\n{rendered:?}\n{case}"));
        }
    }
    assert!(different.is_empty(), "{} differ, such as\n{}", different.len(), different[0]);
}

#[test]
fn templates_read_no_files_and_end() {
    let parse = |source: &str| ChatTemplate::parse(source, SpecialTokens::default());
    let messages = [serde_json::json!({"role": "user", "content": "x"})];
    let render = |source: &str| parse(source)?.render(&messages, &PromptOptions::default());
    assert!(render("{% include '/etc/passwd' %}").is_err());
    let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}x\
                   {% endfor %}{% endfor %}{% endfor %}";
    let error = render(endless).unwrap_err();
    assert!(!error.is_of_request(), "{error}");
    assert!(render("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}").is_err());
    assert!(matches!(parse("{% if %}"), Err(ChatError::Syntax { line: Some(1), .. })));
    let limit = grps_chat::MAX_TEMPLATE_BYTES;
    assert!(parse(&"x".repeat(limit)).is_ok());
    assert!(parse(&"x".repeat(limit + 1)).is_err());
}

#[test]
fn parts_of_text_become_text_where_the_template_takes_that() {
    let parts = serde_json::json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]);
    let messages = [serde_json::json!({"role": "user", "content": parts})];
    let source = "{% for m in messages %}{{ m.role + ': ' + m.content }}{% endfor %}";
    let template = ChatTemplate::parse(source, SpecialTokens::default()).unwrap();
    assert_eq!(template.render(&messages, &PromptOptions::default()).unwrap(), "user: a\nb");
}
