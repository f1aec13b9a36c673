//! Answers of each format, whole and in pieces.

use proptest::prelude::*;

use super::{AnswerFormat, ToolFormat};
use crate::AnswerPart;

const HERMES: &str = "<tool_call>";
const CODER: &str = "<tool_call><function=";
const LLAMA: &str = "<|python_tag|>";
const MISTRAL: &str = "[TOOL_CALLS]";
const DEEPSEEK: &str = "<｜tool▁calls▁begin｜></think>";
const THINKING: &str = "<tool_call><think></think>";
const SOURCES: [&str; 7] = [HERMES, CODER, LLAMA, MISTRAL, DEEPSEEK, THINKING, ""];

/// Appends what a parser delivers for the pieces, with all adjacent parts of one kind merged.
fn parse_pieces(source: &str, prompt: &str, tools: &[&str], pieces: &[&str]) -> Vec<AnswerPart> {
    let mut parser = AnswerFormat::of_template(source).parser(prompt, tools);
    let mut parts = Vec::new();
    for piece in pieces {
        parser.push(piece, &mut parts);
    }
    parser.finish(&mut parts);
    merged(parts)
}

fn merged(parts: Vec<AnswerPart>) -> Vec<AnswerPart> {
    use AnswerPart::{Reasoning, Text, ToolArguments};
    let mut all: Vec<AnswerPart> = Vec::new();
    for part in parts {
        match (all.last_mut(), &part) {
            (Some(Text(text)), Text(more)) | (Some(Reasoning(text)), Reasoning(more)) => {
                text.push_str(more);
            }
            (Some(ToolArguments { index, json }), ToolArguments { index: same, json: more })
                if index == same =>
            {
                json.push_str(more)
            }
            _ => all.push(part),
        }
    }
    all
}

/// Parses a text as a whole and character by character; both must agree.
fn parse(source: &str, text: &str) -> Vec<AnswerPart> {
    let whole = parse_pieces(source, "", &["f"], &[text]);
    let pieces: Vec<&str> = text.split("").collect();
    assert_eq!(parse_pieces(source, "", &["f"], &pieces), whole, "{text}");
    whole
}

fn text(text: &str) -> AnswerPart {
    AnswerPart::Text(text.to_owned())
}

fn reasoning(text: &str) -> AnswerPart {
    AnswerPart::Reasoning(text.to_owned())
}

/// The parts of calls, each with a name and arguments, from an index on.
fn calls(calls: &[(&str, &str)], first: usize) -> Vec<AnswerPart> {
    let parts = calls.iter().enumerate().flat_map(|(at, (name, json))| {
        let index = first + at;
        [
            AnswerPart::ToolCall { index, name: (*name).to_owned() },
            AnswerPart::ToolArguments { index, json: (*json).to_owned() },
        ]
    });
    parts.collect()
}

fn assert_text(source: &str, answer: &str) {
    assert_eq!(parse(source, answer), [text(answer)]);
}

#[test]
fn formats_are_known_by_the_markers_of_templates() {
    let tools = |source| AnswerFormat::of_template(source).tools();
    assert_eq!(tools(HERMES), Some(ToolFormat::Hermes));
    assert_eq!(tools(CODER), Some(ToolFormat::QwenCoder));
    assert_eq!(tools(LLAMA), Some(ToolFormat::Llama));
    assert_eq!(tools("{{- '\"parameters\": ' }}"), Some(ToolFormat::Llama));
    assert_eq!(tools("{{- \"\\\"parameters\\\": \" }}"), Some(ToolFormat::Llama));
    assert_eq!(tools(MISTRAL), Some(ToolFormat::Mistral));
    assert_eq!(tools(DEEPSEEK), Some(ToolFormat::DeepSeek));
    assert_eq!(tools("{{ messages }}"), None);
    assert!(AnswerFormat::of_template("split('</think>')").has_reasoning());
    assert!(!AnswerFormat::of_template(HERMES).has_reasoning());
}

#[test]
fn parsers_are_sent_between_threads() {
    fn is_send<T: Send + std::fmt::Debug>(_: &T) {}
    is_send(&AnswerFormat::of_template("").parser("", &[]));
}

#[test]
fn hermes_calls_have_indices_and_their_own_spacing() {
    let answer = "Let me see.\n\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\" : {\"y\":\"}\\\"\"} }}\n</tool_call>\n<tool_call>\n{\"name\": \"g\", \"arguments\": {}}\n</tool_call>\n";
    let mut expected = vec![text("Let me see.")];
    expected.extend(calls(&[("f", "{\"x\" : {\"y\":\"}\\\"\"} }"), ("g", "{}")], 0));
    assert_eq!(parse(HERMES, answer), expected);
}

#[test]
fn hermes_text_between_calls_is_delivered() {
    let call = "<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>";
    let mut expected = calls(&[("f", "{}")], 0);
    expected.push(text("and\n\nthen"));
    expected.extend(calls(&[("f", "{}")], 1));
    expected.push(text("end\n"));
    assert_eq!(parse(HERMES, &format!("\n{call}\nand\n\nthen\n{call}\n\nend\n")), expected);
}

#[test]
fn hermes_arguments_may_precede_the_name() {
    let answer = "<tool_call>{\"arguments\": {\"a\": [1]}, \"id\": 1, \"name\": \"f\"}</tool_call>";
    assert_eq!(parse(HERMES, answer), calls(&[("f", "{\"a\": [1]}")], 0));
}

#[test]
fn hermes_arguments_are_never_null() {
    for arguments in
        ["", ", \"arguments\": null", ", \"arguments\": \"\"", ", \"arguments\": \"{}\""]
    {
        let answer = format!("<tool_call>{{\"name\": \"f\"{arguments}}}</tool_call>");
        assert_eq!(parse(HERMES, &answer), calls(&[("f", "{}")], 0), "{answer}");
    }
    let answer = "<tool_call>{\"name\": \"f\", \"arguments\": \"{\\\"x\\\": 1}\"}</tool_call>";
    assert_eq!(parse(HERMES, answer), calls(&[("f", "{\"x\": 1}")], 0));
}

#[test]
fn hermes_arguments_are_streamed() {
    let mut parser = AnswerFormat::of_template(HERMES).parser("", &["f"]);
    let mut parts = Vec::new();
    parser.push("<tool_call>\n{\"name\": \"f\", \"arguments\": {", &mut parts);
    assert_eq!(parts, calls(&[("f", "{")], 0));
    parts.clear();
    parser.push("\"x\": 1", &mut parts);
    assert_eq!(parts, calls(&[("f", "\"x\": 1")], 0)[1..]);
    parts.clear();
    parser.push("}", &mut parts);
    assert_eq!(parts, calls(&[("f", "}")], 0)[1..]);
    parts.clear();
    parser.push("}\n</tool_call>", &mut parts);
    parser.finish(&mut parts);
    assert_eq!(parts, []);
}

#[test]
fn hermes_malformed_calls_are_text() {
    assert_text(HERMES, "a\n<tool_call>\nno object</tool_call>\n");
    assert_text(HERMES, "<tool_call>{\"name\": 3, \"arguments\": {}}</tool_call>");
    assert_text(HERMES, "<tool_call>{\"name\": \"f\", \"argum");
    assert_text(HERMES, "<tool_call>{\"name\": \"f\", \"arguments\": 1}");
    assert_text(HERMES, "<tool_call>{\"arguments\": {}}");
    assert_text(HERMES, "a <tool_cal");
    assert_text(HERMES, "a < b <tool> <<<");
    assert_text(HERMES, "\n\na\n\n");
}

#[test]
fn hermes_calls_follow_malformed_ones() {
    let mut expected = vec![text("<tool_call>")];
    expected.extend(calls(&[("f", "{}")], 0));
    let answer = "<tool_call><tool_call>{\"name\":\"f\"}</tool_call>";
    assert_eq!(parse(HERMES, answer), expected);
}

#[test]
fn hermes_ends_of_calls_may_lack() {
    let expected = calls(&[("f", "{\"x\": 1}"), ("g", "{}")], 0);
    let answer = "<tool_call>{\"name\":\"f\",\"arguments\":{\"x\": 1}</tool_call>\n<tool_call>{\"name\":\"g\"}";
    assert_eq!(parse(HERMES, answer), expected);
    let answer =
        "<tool_call>{\"name\":\"f\",\"arguments\":{\"x\": 1}}\n<tool_call>{\"name\":\"g\"}";
    assert_eq!(parse(HERMES, answer), expected);
    let answer = "<tool_call>{\"name\":\"f\",\"arguments\":{\"x\": \"a";
    assert_eq!(parse(HERMES, answer), calls(&[("f", "{\"x\": \"a")], 0));
}

#[test]
fn coder_parameters_become_an_object() {
    let answer = "Well\n<tool_call>\n<function=f>\n<parameter=n>\n3\n</parameter>\n<parameter=s>\na \"b\"\n\n</parameter>\n<parameter=o>\n{\"k\": [1]}\n</parameter>\n</function>\n</tool_call>\n<tool_call>\n<function=g>\n</function>\n</tool_call>";
    let mut expected = vec![text("Well")];
    expected.extend(calls(
        &[("f", "{\"n\": 3, \"s\": \"a \\\"b\\\"\\n\", \"o\": {\"k\": [1]}}"), ("g", "{}")],
        0,
    ));
    assert_eq!(parse(CODER, answer), expected);
}

#[test]
fn coder_outer_tags_may_lack() {
    let expected = calls(&[("f", "{\"x\": \"</parameter\"}")], 0);
    let call = "<function=f><parameter=x></parameter</parameter>";
    for (before, after) in
        [("", "</function>"), ("", "</function>\n</tool_call>"), ("<tool_call>", "</tool_call>")]
    {
        assert_eq!(parse(CODER, &format!("{before}{call}{after}")), expected);
    }
    let json = "<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>";
    assert_eq!(parse(CODER, json), calls(&[("f", "{}")], 0));
}

#[test]
fn coder_malformed_calls_are_text() {
    assert_text(CODER, "<tool_call>\n<function=\n></function>");
    assert_text(CODER, "<tool_call>\n<function=f>\nwhat</function>");
    assert_text(CODER, "\n<function=f>\n</tool_call>");
    assert_text(CODER, "<tool_call>\n<func");
    let mut expected = calls(&[("f", "{")], 0);
    expected.push(text("<parameter=x>1"));
    assert_eq!(parse(CODER, "<function=f><parameter=x>1"), expected);
}

#[test]
fn llama_objects_are_calls_if_they_are_the_answer() {
    let call = "{\"name\": \"f\", \"parameters\": {\"x\": 1}}";
    let one = ("f", "{\"x\": 1}");
    assert_eq!(parse(LLAMA, call), calls(&[one], 0));
    assert_eq!(parse(LLAMA, &format!("\n{call}\n")), calls(&[one], 0));
    assert_eq!(parse(LLAMA, &format!("{call}; {call}\n{call}")), calls(&[one; 3], 0));
    assert_eq!(parse(LLAMA, &format!("<|python_tag|>{call};{call}")), calls(&[one; 2], 0));
    assert_text(LLAMA, &format!("Call {call}"));
}

#[test]
fn llama_objects_without_parameters_are_text() {
    assert_text(LLAMA, "{\"name\": \"Ann\", \"age\": 3}\n");
    assert_text(LLAMA, "{\"a\": 1}");
    assert_text(LLAMA, "{not json");
    assert_text(LLAMA, "<|python_tag|>print(1)");
    let mut expected = calls(&[("f", "{}")], 0);
    expected.push(text("bye"));
    let answer = "{\"name\": \"f\", \"parameters\": {}}\nbye";
    assert_eq!(parse(LLAMA, answer), expected);
}

#[test]
fn mistral_lists_are_calls() {
    let list = "[{\"name\": \"f\", \"arguments\": {\"x\": [1]}, \"id\": \"abc\"}, {\"name\": \"g\", \"arguments\": {}}]";
    let mut expected = vec![text("Hm")];
    expected.extend(calls(&[("f", "{\"x\": [1]}"), ("g", "{}")], 0));
    assert_eq!(parse(MISTRAL, &format!("Hm[TOOL_CALLS] {list}")), expected);
    assert_eq!(parse(MISTRAL, &format!("Hm\n[TOOL_CALLS]{list}\n")), expected);
}

#[test]
fn mistral_names_with_arguments_are_calls() {
    let answer = "[TOOL_CALLS]f[ARGS]{\"x\": 1}[TOOL_CALLS]g[CALL_ID]a1[ARGS]{}";
    assert_eq!(parse(MISTRAL, answer), calls(&[("f", "{\"x\": 1}"), ("g", "{}")], 0));
}

#[test]
fn mistral_malformed_calls_are_text() {
    assert_text(MISTRAL, "[TOOL_CALLS] [1]");
    assert_text(MISTRAL, "[TOOL_CALLS]f{\"x\": 1}");
    assert_text(MISTRAL, "[TOOL_CALLS]f[ARGS]");
    assert_text(MISTRAL, "a[0] = [TOOL");
}

#[test]
fn deepseek_fenced_calls() {
    let call = |name: &str| {
        format!(
            "<｜tool▁call▁begin｜>function<｜tool▁sep｜>{name}\n```json\n{{\"x\": \"`\"}}\n```<｜tool▁call▁end｜>"
        )
    };
    let answer =
        format!("Look\n\n<｜tool▁calls▁begin｜>{}\n{}<｜tool▁calls▁end｜>", call("f"), call("g"));
    let mut expected = vec![text("Look")];
    expected.extend(calls(&[("f", "{\"x\": \"`\"}"), ("g", "{\"x\": \"`\"}")], 0));
    assert_eq!(parse(DEEPSEEK, &answer), expected);
}

#[test]
fn deepseek_plain_calls() {
    let call = "<｜tool▁call▁begin｜>function<｜tool▁sep｜>{\"x\": 1}<｜tool▁call▁end｜>";
    let expected = calls(&[("function", "{\"x\": 1}"); 2], 0);
    for (before, after) in [("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"), ("", "")]
    {
        assert_eq!(parse(DEEPSEEK, &format!("{before}{call}{call}{after}")), expected);
    }
}

#[test]
fn deepseek_malformed_calls_are_text() {
    assert_text(DEEPSEEK, "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f{}");
    assert_text(DEEPSEEK, "<｜tool▁calls▁begin｜>\nno");
    assert_text(DEEPSEEK, "<｜tool▁calls▁begin｜><｜tool▁call▁beg");
}

#[test]
fn reasoning_precedes_the_answer() {
    let answer = "<think>\nHm.\n\nYes\n</think>\n\nHello <think>\n";
    let expected = [reasoning("Hm.\n\nYes"), text("Hello <think>\n")];
    assert_eq!(parse(THINKING, answer), expected);
    assert_eq!(parse(THINKING, "<think>\n\n</think>\n\nHi"), [text("Hi")]);
    assert_eq!(parse(THINKING, "<think>a"), [reasoning("a")]);
    assert_text(THINKING, "\n <thin");
    assert_text(THINKING, "\n <b> <think> </think>");
}

#[test]
fn reasoning_may_begin_in_the_prompt() {
    let parse =
        |prompt: &str, tools: &[&str], text: &str| parse_pieces(THINKING, prompt, tools, &[text]);
    let answer = "\nHm\n</think>\n\nHello\n";
    let expected = [reasoning("Hm"), text("Hello\n")];
    assert_eq!(parse("<think>\n", &["f"], answer), expected);
    assert_eq!(parse("<think>", &[], answer), expected);
    assert_eq!(parse("<think>", &[], &format!("<think>{answer}")), expected);
    let closed = parse("<think>\n\n</think>\n\n", &["f"], "Hello");
    assert_eq!(closed, [text("Hello")]);
    let plain = parse_pieces(HERMES, "<think>", &[], &["Hello"]);
    assert_eq!(plain, [text("Hello")]);
}

#[test]
fn calls_follow_reasoning() {
    let mut expected = vec![reasoning("a <tool_call>")];
    expected.extend(calls(&[("f", "{}")], 0));
    let answer = "<think>a <tool_call></think>\n\n<tool_call>{\"name\": \"f\"}</tool_call>";
    assert_eq!(parse(THINKING, answer), expected);
    let answer = "<think>a <tool_call></think>\n\n{\"name\": \"f\", \"parameters\": {}}";
    assert_eq!(parse("<|python_tag|></think>", answer), expected);
}

#[test]
fn calls_are_text_without_tools() {
    for answer in ["<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>", "a\n", "\n\n"] {
        assert_eq!(parse_pieces(HERMES, "", &[], &[answer]), [text(answer)]);
        assert_eq!(parse_pieces(THINKING, "", &[], &[answer]), [text(answer)]);
    }
}

#[test]
fn plain_pieces_are_one_part_each() {
    let mut parser = AnswerFormat::of_template(HERMES).parser("", &["f"]);
    let mut parts = Vec::new();
    for piece in ["Hello", "", ", ", "wor\nld", "a < b"] {
        parser.push(piece, &mut parts);
    }
    let expected = [text("Hello"), text(", "), text("wor\nld"), text("a < b")];
    assert_eq!(parts, expected);
}

const FRAGMENTS: [&str; 44] = [
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
    "<function=",
    "f>",
    "<parameter=",
    "x>",
    "</parameter>",
    "</function>",
    "<|python_tag|>",
    "[TOOL_CALLS]",
    "[ARGS]",
    "[CALL_ID]",
    "[",
    "]",
    "<｜tool▁calls▁begin｜>",
    "<｜tool▁calls▁end｜>",
    "<｜tool▁call▁begin｜>",
    "<｜tool▁call▁end｜>",
    "<｜tool▁sep｜>",
    "function",
    "```json\n",
    "```",
    "{",
    "}",
    "\"name\": \"f\"",
    "\"name\"",
    ":",
    "\"arguments\": {}",
    "\"parameters\": {\"x\": 1}",
    "\"arguments\": ",
    "{\"name\": \"f\", ",
    ", ",
    ";",
    "\n",
    " ",
    "\"",
    "\\",
    "é",
    "text",
    "null",
    "<",
    "12",
];

fn mixed_text() -> impl Strategy<Value = String> {
    let fragment = prop_oneof![
        9 => prop::sample::select(&FRAGMENTS[..]).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    prop::collection::vec(fragment, 0..24).prop_map(|fragments| fragments.concat())
}

/// Cuts a text at about each `every`-th byte, by the bits of `seed`.
fn cut(text: &str, mut seed: u64) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut from = 0;
    for (at, _) in text.char_indices() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        if seed >> 62 == 0 {
            pieces.push(&text[from..at]);
            from = at;
        }
    }
    pieces.push(&text[from..]);
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn pieces_do_not_matter(text in mixed_text(), seed: u64, thinks: bool) {
        let prompt = if thinks { "<think>" } else { "" };
        for source in SOURCES {
            let whole = parse_pieces(source, prompt, &["f"], &[&text]);
            let pieces = parse_pieces(source, prompt, &["f"], &cut(&text, seed));
            prop_assert_eq!(pieces, whole, "{}", source);
        }
    }

    #[test]
    fn text_without_markers_is_unchanged(answer in "[^<{\\[]+", seed: u64) {
        for source in SOURCES {
            let parts = parse_pieces(source, "", &["f"], &cut(&answer, seed));
            prop_assert_eq!(parts, [text(&answer)]);
        }
    }

    #[test]
    fn calls_of_whole_objects_are_exact(object in json_object(), seed: u64) {
        let json = object.to_string();
        let answer = format!("<tool_call>{{\"name\": \"f\", \"arguments\": {json}}}</tool_call>");
        let parts = parse_pieces(HERMES, "", &["f"], &cut(&answer, seed));
        prop_assert_eq!(parts, calls(&[("f", &json)], 0));
    }
}

fn json_object() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        any::<String>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    prop::collection::hash_map(any::<String>(), value, 0..4)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
}
