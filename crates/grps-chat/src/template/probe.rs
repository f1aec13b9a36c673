//! Finding out which form of messages a template takes, by rendering a few.

use serde_json::{Value, json};

use super::content::{ContentForm, MessageForm, NoContent, ROLES};

/// Texts that no template has.
const NEEDLE: &str = "grps~needle";
const OTHER: &str = "grps~other";
const TOOL: &str = "grps_tool";
const NAME: &str = "grps_name";

/// Finds the form of messages. `render` writes a prompt from messages and tools, or nothing if the
/// template fails.
pub(crate) fn find_form(render: impl Fn(&[Value], &[Value]) -> Option<String>) -> MessageForm {
    let mut form = MessageForm::default();
    for (form, role) in form.content.iter_mut().zip(ROLES) {
        *form = content_form(&render, role);
    }
    let (no_content, arguments_as_text) = call_form(&render);
    MessageForm { no_content, arguments_as_text, ..form }
}

fn content_form(render: &impl Fn(&[Value], &[Value]) -> Option<String>, role: &str) -> ContentForm {
    let takes = |content: Value| {
        let [before_text, before_parts] = conversations(role, &content);
        // Without a message before, both are the same.
        let is_second = before_text != before_parts;
        std::iter::once(&before_text)
            .chain(is_second.then_some(&before_parts))
            .any(|messages| render(messages, &[]).is_some_and(|prompt| shows_text(&prompt)))
    };
    let parts = takes(json!([{"type": "text", "text": NEEDLE}]));
    let text = takes(json!(NEEDLE));
    match (parts, text) {
        (false, _) => ContentForm::Text,
        (true, true) => ContentForm::Either,
        (true, false) => ContentForm::Parts,
    }
}

/// Conversations in which a message of a role is allowed. A template that takes only parts needs
/// them in the messages before too.
fn conversations(role: &str, content: &Value) -> [Vec<Value>; 2] {
    [json!(OTHER), json!([{"type": "text", "text": OTHER}])]
        .map(|before| conversation(role, content, &before))
}

fn conversation(role: &str, content: &Value, before: &Value) -> Vec<Value> {
    let user = json!({"role": "user", "content": before});
    match role {
        "system" => vec![json!({"role": role, "content": content}), user],
        "user" => vec![json!({"role": role, "content": content})],
        "assistant" => vec![user.clone(), json!({"role": role, "content": content}), user],
        _ => {
            let calls = json!([{"id": "grpscall1", "type": "function",
                "function": {"name": TOOL, "arguments": {}}}]);
            let result = json!({"role": role, "content": content, "name": TOOL,
                "tool_call_id": "grpscall1"});
            let mut call = json!({"role": "assistant", "tool_calls": calls});
            if before.is_array() {
                call["content"] = before.clone();
            }
            vec![user, call, result]
        }
    }
}

/// Whether the text of the probe is shown, and not a list printed as Python or JSON prints it.
fn shows_text(prompt: &str) -> bool {
    let printed = ["'text': ", "\"text\": ", "\"text\":"]
        .iter()
        .any(|key| prompt.split(key).skip(1).any(begins_quoted));
    prompt.contains(NEEDLE) && !printed
}

/// Whether a text begins with a quote and the text of the probe.
fn begins_quoted(text: &str) -> bool {
    text.strip_prefix(['\'', '"']).is_some_and(|text| text.starts_with(NEEDLE))
}

/// The form of messages with calls: the first one that shows the call as a whole.
fn call_form(render: &impl Fn(&[Value], &[Value]) -> Option<String>) -> (NoContent, bool) {
    let tools = [json!({"type": "function", "function": {"name": TOOL, "description": "-",
        "parameters": {"type": "object", "properties": {NAME: {"type": "string"}}}}})];
    for arguments_as_text in [false, true] {
        let arguments = json!({NAME: NEEDLE});
        let arguments = if arguments_as_text { json!(arguments.to_string()) } else { arguments };
        let calls = json!([{"id": "grpscall1", "type": "function",
            "function": {"name": TOOL, "arguments": arguments}}]);
        for (form, content) in [
            (NoContent::Missing, None),
            (NoContent::Null, Some(Value::Null)),
            (NoContent::Empty, Some(json!(""))),
        ] {
            let mut message = json!({"role": "assistant", "tool_calls": calls});
            if let Some(content) = content {
                message["content"] = content;
            }
            let messages = [
                json!({"role": "user", "content": OTHER}),
                message,
                json!({"role": "tool", "content": OTHER, "name": TOOL, "tool_call_id": "grpscall1"}),
            ];
            if render(&messages, &tools).is_some_and(|prompt| shows_call(&prompt)) {
                return (form, arguments_as_text);
            }
        }
    }
    // A template that knows no calls expects a text everywhere.
    (NoContent::Empty, false)
}

/// Whether a call is shown, with its arguments as JSON or otherwise, but not as a text within
/// JSON; nor with Python's `None` for the content.
fn shows_call(prompt: &str) -> bool {
    prompt.contains(NEEDLE)
        && !prompt.contains(&format!("\\\"{NEEDLE}"))
        && !prompt.contains("None")
}
