//! Where calls begin and end, per format.

use super::call::Shape;

/// A token that may come next, and what it leads to.
#[derive(Debug)]
pub(super) struct Choice {
    /// The token; an empty one fits any text.
    pub(super) token: &'static str,
    /// Whether the token is the beginning of what it leads to.
    pub(super) stays: bool,
    pub(super) next: Next,
}

/// What comes after a token.
#[derive(Debug)]
pub(super) enum Next {
    Text,
    /// One of these, after white space.
    Choices(&'static [Choice]),
    /// A call, and after it one of these.
    Call(Shape, &'static [Choice]),
}

/// The rules of a format.
#[derive(Debug)]
pub(super) struct Grammar {
    /// What begins calls anywhere in the text. All begin with the same ASCII character.
    pub(super) markers: &'static [Choice],
    /// Whether an answer that begins with a brace may be a call.
    pub(super) bare: Option<&'static Next>,
}

const fn token(token: &'static str, next: Next) -> Choice {
    Choice { token, stays: false, next }
}

const fn begins(token: &'static str, next: Next) -> Choice {
    Choice { token, stays: true, next }
}

const KEYED: Shape = Shape::Keyed { needs_arguments: false };
const KEYED_BARE: Shape = Shape::Keyed { needs_arguments: true };

/// Finds no calls.
pub(super) static NO_CALLS: Grammar = Grammar { markers: &[], bare: None };

/// `<tool_call>{…}</tool_call>`
pub(super) static HERMES: Grammar =
    Grammar { markers: &[token("<tool_call>", Next::Choices(&HERMES_OPEN))], bare: None };
static HERMES_OPEN: [Choice; 1] = [begins("{", Next::Call(KEYED, &HERMES_END))];
static HERMES_END: [Choice; 2] =
    [token("</tool_call>", Next::Text), begins("{", Next::Call(KEYED, &HERMES_END))];

/// `<tool_call><function=…>…</function></tool_call>`; the outer tag may lack.
pub(super) static QWEN_CODER: Grammar = Grammar {
    markers: &[
        token("<tool_call>", Next::Choices(&QWEN_CODER_OPEN)),
        token("<function=", Next::Call(Shape::FunctionTags, &QWEN_CODER_END)),
    ],
    bare: None,
};
static QWEN_CODER_OPEN: [Choice; 2] = [
    token("<function=", Next::Call(Shape::FunctionTags, &QWEN_CODER_END)),
    begins("{", Next::Call(KEYED, &HERMES_END)),
];
static QWEN_CODER_END: [Choice; 2] = [
    token("</tool_call>", Next::Text),
    token("<function=", Next::Call(Shape::FunctionTags, &QWEN_CODER_END)),
];

/// `{…}` as the whole answer, or `<|python_tag|>{…}`; more calls after `;` or white space.
pub(super) static LLAMA: Grammar = Grammar {
    markers: &[token("<|python_tag|>", Next::Choices(&LLAMA_OPEN))],
    bare: Some(&LLAMA_CALL),
};
static LLAMA_CALL: Next = Next::Call(KEYED_BARE, &LLAMA_END);
static LLAMA_OPEN: [Choice; 1] = [begins("{", Next::Call(KEYED, &LLAMA_END))];
static LLAMA_END: [Choice; 3] = [
    token(";", Next::Choices(&LLAMA_MORE)),
    token("<|python_tag|>", Next::Choices(&LLAMA_OPEN)),
    begins("{", Next::Call(KEYED_BARE, &LLAMA_END)),
];
static LLAMA_MORE: [Choice; 2] = [
    token("<|python_tag|>", Next::Choices(&LLAMA_OPEN)),
    begins("{", Next::Call(KEYED_BARE, &LLAMA_END)),
];

/// `[TOOL_CALLS] [{…}, …]`, or `[TOOL_CALLS]name[ARGS]{…}` for each call.
pub(super) static MISTRAL: Grammar =
    Grammar { markers: &[token("[TOOL_CALLS]", Next::Choices(&MISTRAL_OPEN))], bare: None };
static MISTRAL_OPEN: [Choice; 3] = [
    token("[", Next::Choices(&MISTRAL_LIST)),
    begins("{", Next::Call(KEYED, &[])),
    begins("", Next::Call(Shape::Named(mistral_name), &[])),
];
static MISTRAL_LIST: [Choice; 1] = [begins("{", Next::Call(KEYED, &MISTRAL_LIST_END))];
static MISTRAL_LIST_END: [Choice; 2] =
    [token(",", Next::Choices(&MISTRAL_LIST)), token("]", Next::Text)];

const DEEPSEEK_CALL: &str = "<｜tool▁call▁begin｜>";

/// Calls between `<｜tool▁call▁begin｜>` and `<｜tool▁call▁end｜>` within an outer pair.
pub(super) static DEEPSEEK: Grammar = Grammar {
    markers: &[
        token("<｜tool▁calls▁begin｜>", Next::Choices(&DEEPSEEK_OPEN)),
        token(DEEPSEEK_CALL, Next::Call(DEEPSEEK_NAMED, &DEEPSEEK_CALL_END)),
    ],
    bare: None,
};
const DEEPSEEK_NAMED: Shape = Shape::Named(deepseek_name);
static DEEPSEEK_OPEN: [Choice; 2] = [
    token(DEEPSEEK_CALL, Next::Call(DEEPSEEK_NAMED, &DEEPSEEK_CALL_END)),
    begins("{", Next::Call(KEYED, &DEEPSEEK_END)),
];
static DEEPSEEK_CALL_END: [Choice; 2] = [
    token("```", Next::Choices(&DEEPSEEK_FENCE_END)),
    token("<｜tool▁call▁end｜>", Next::Choices(&DEEPSEEK_END)),
];
static DEEPSEEK_FENCE_END: [Choice; 1] =
    [token("<｜tool▁call▁end｜>", Next::Choices(&DEEPSEEK_END))];
static DEEPSEEK_END: [Choice; 3] = [
    token("<｜tool▁calls▁end｜>", Next::Text),
    token(DEEPSEEK_CALL, Next::Call(DEEPSEEK_NAMED, &DEEPSEEK_CALL_END)),
    begins("{", Next::Call(KEYED, &DEEPSEEK_END)),
];

/// `name[ARGS]` or `name[CALL_ID]id[ARGS]`
fn mistral_name(header: &str) -> Option<&str> {
    let header = header.trim_end().strip_suffix("[ARGS]")?;
    let name = header.split("[CALL_ID]").next()?;
    one_word(name)
}

/// `name<｜tool▁sep｜>`, or `function<｜tool▁sep｜>name` and the line that opens the fence.
fn deepseek_name(header: &str) -> Option<&str> {
    let (before, after) = header.split_once("<｜tool▁sep｜>")?;
    let Some((name, fence)) = after.trim_start().split_once('\n') else {
        return if after.trim().is_empty() { one_word(before) } else { None };
    };
    if matches!(fence.trim(), "```json" | "```" | "") { one_word(name) } else { None }
}

fn one_word(name: &str) -> Option<&str> {
    let name = name.trim();
    (!name.is_empty() && !name.contains(char::is_whitespace)).then_some(name)
}
