//! Messages of `/v1/chat/completions`, brought into the form that chat templates take.

use serde_json::{Map, Value, json};

use super::media::{Media, MediaKind};
use crate::error::ApiError;
use crate::reading::{Fields, kind_of};

/// Reads the messages and what media they have.
pub(crate) fn read_chat_messages(
    fields: &mut Fields,
) -> Result<(Vec<Value>, Vec<Media>), ApiError> {
    let values = fields.array("messages")?.ok_or_else(|| fields.missing("messages"))?;
    if values.is_empty() {
        return Err(fields.invalid("messages", "'messages' is empty."));
    }
    let mut media = Vec::new();
    let mut messages = Vec::with_capacity(values.len());
    for (index, value) in values.into_iter().enumerate() {
        let message = Fields::of(value, format!("messages[{index}]"))?;
        messages.push(read_message(message, &mut media)?);
    }
    Ok((messages, media))
}

fn read_message(mut fields: Fields, media: &mut Vec<Media>) -> Result<Value, ApiError> {
    let role = fields.required_string("role")?;
    let mut message = match role.as_str() {
        "system" | "developer" => new_message("system"),
        "user" => new_message("user"),
        "assistant" => read_assistant(&mut fields)?,
        "tool" => {
            let mut message = new_message("tool");
            message.insert("tool_call_id".into(), fields.required_string("tool_call_id")?.into());
            message
        }
        _ => {
            let message = format!(
                "Unknown role '{role}': use 'system', 'developer', 'user', 'assistant' or 'tool'."
            );
            return Err(fields.invalid("role", message));
        }
    };
    let content = match fields.value("content") {
        None if role == "assistant" && says_something(&message) => Value::String(String::new()),
        None => return Err(fields.missing("content")),
        Some(content) => {
            let param = fields.param("content");
            let first = media.len();
            let content = read_content(content, &param, media)?;
            if role != "user" && role != "tool" && media.len() > first {
                return Err(ApiError::invalid(param, "Only users and tools may send media."));
            }
            content
        }
    };
    message.insert("content".to_owned(), content);
    if let Some(name) = fields.string("name")? {
        message.insert("name".to_owned(), name.into());
    }
    Ok(Value::Object(message))
}

pub(crate) fn new_message(role: &str) -> Map<String, Value> {
    Map::from_iter([("role".to_owned(), json!(role))])
}

/// An assistant's message without content must have something else.
fn says_something(message: &Map<String, Value>) -> bool {
    message.contains_key("tool_calls") || message.contains_key("reasoning_content")
}

fn read_assistant(fields: &mut Fields) -> Result<Map<String, Value>, ApiError> {
    let mut message = new_message("assistant");
    let older = fields.string("reasoning")?;
    if let Some(reasoning) = fields.string("reasoning_content")?.or(older) {
        message.insert("reasoning_content".to_owned(), reasoning.into());
    }
    let calls = fields.array("tool_calls")?.unwrap_or_default();
    let mut read = Vec::with_capacity(calls.len());
    for (index, call) in calls.into_iter().enumerate() {
        let path = fields.param(&format!("tool_calls[{index}]"));
        read.push(read_tool_call(Fields::of(call, path)?)?);
    }
    if !read.is_empty() {
        message.insert("tool_calls".to_owned(), Value::Array(read));
    }
    Ok(message)
}

fn read_tool_call(mut call: Fields) -> Result<Value, ApiError> {
    let id = call.required_string("id")?;
    let mut function = call.fields("function")?.ok_or_else(|| call.missing("function"))?;
    let name = function.required_string("name")?;
    let arguments = match function.value("arguments") {
        None => "{}".to_owned(),
        Some(Value::String(text)) if text.trim().is_empty() => "{}".to_owned(),
        Some(Value::String(text)) => text,
        Some(value @ Value::Object(_)) => value.to_string(),
        Some(other) => {
            let message = format!("The arguments must be JSON text, not {}.", kind_of(&other));
            return Err(function.invalid("arguments", message));
        }
    };
    Ok(tool_call(&id, &name, &arguments))
}

/// A call in the form that templates take.
pub(crate) fn tool_call(id: &str, name: &str, arguments: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

/// A string, or an array of parts.
fn read_content(content: Value, param: &str, media: &mut Vec<Media>) -> Result<Value, ApiError> {
    let values = match content {
        Value::String(text) => return Ok(Value::String(text)),
        Value::Array(values) => values,
        other => {
            let kind = kind_of(&other);
            let message = format!("'{param}' must be a string or an array of parts, not {kind}.");
            return Err(ApiError::invalid(param, message));
        }
    };
    let mut parts = Parts::default();
    for (index, value) in values.into_iter().enumerate() {
        let mut part = Fields::of(value, format!("{param}[{index}]"))?;
        match part.required_string("type")?.as_str() {
            "text" | "refusal" => parts.text(read_text(&mut part)?),
            "image_url" => parts.media(read_image(&mut part)?, media),
            "input_audio" => parts.media(Media::read_audio(&mut part)?, media),
            other => {
                let message = format!(
                    "Parts of type '{other}' are not supported: use 'text', 'image_url' or \
                     'input_audio'."
                );
                return Err(part.invalid("type", message));
            }
        }
    }
    parts.into_content(param)
}

fn read_text(part: &mut Fields) -> Result<String, ApiError> {
    let refusal = part.string("refusal")?;
    part.string("text")?.or(refusal).ok_or_else(|| part.missing("text"))
}

/// The URL is in an object, or a string as some clients send it.
fn read_image(part: &mut Fields) -> Result<Media, ApiError> {
    if let Some(Value::String(url)) = part.peek("image_url") {
        return Media::image(url, &part.param("image_url"));
    }
    let image = part.fields("image_url")?;
    let mut image = image.ok_or_else(|| part.missing("image_url"))?;
    Media::image(&image.required_string("url")?, &image.param("url"))
}

/// The parts of a content while it is read.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    values: Vec<Value>,
    has_media: bool,
}

impl Parts {
    pub(crate) fn text(&mut self, text: String) {
        self.values.push(json!({"type": "text", "text": text}));
    }

    /// Notes where a medium is; the medium itself goes into the list of the request.
    pub(crate) fn media(&mut self, part: Media, media: &mut Vec<Media>) {
        let kind = match part.kind {
            MediaKind::Image => "image",
            MediaKind::Audio => "audio",
        };
        self.values.push(json!({"type": kind}));
        self.has_media = true;
        media.push(part);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Text alone is a string of lines, which all templates understand.
    pub(crate) fn into_content(self, param: &str) -> Result<Value, ApiError> {
        if self.values.is_empty() {
            return Err(ApiError::invalid(param, format!("'{param}' has no parts.")));
        }
        if self.has_media {
            return Ok(Value::Array(self.values));
        }
        let texts: Vec<&str> =
            self.values.iter().filter_map(|part| part["text"].as_str()).collect();
        Ok(Value::String(texts.join("\n")))
    }
}
