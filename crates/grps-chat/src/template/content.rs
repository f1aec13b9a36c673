//! Messages of requests in the form that a template takes.

use serde_json::{Map, Value};

use crate::error::ChatError;

/// Roles whose content may be a list of parts.
pub(crate) const ROLES: [&str; 4] = ["system", "user", "assistant", "tool"];

/// How a template takes the content of the messages of a role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ContentForm {
    /// A text only: text parts are joined by newlines.
    #[default]
    Text,
    /// A text or a list of parts.
    Either,
    /// A list of parts only.
    Parts,
}

/// What a message with calls has as its content if it has no text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum NoContent {
    /// No `content` at all.
    #[default]
    Missing,
    /// A null.
    Null,
    /// An empty text.
    Empty,
}

/// The form that a template takes messages in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MessageForm {
    /// Form of the content, in the order of [`ROLES`].
    pub(crate) content: [ContentForm; ROLES.len()],
    pub(crate) no_content: NoContent,
    /// Arguments of calls are JSON texts rather than objects.
    pub(crate) arguments_as_text: bool,
}

impl MessageForm {
    /// Brings a message of a request into this form.
    pub(crate) fn apply(&self, index: usize, message: &Value) -> Result<Value, ChatError> {
        let wrong = |message: String| ChatError::Message { index, message };
        let Value::Object(fields) = message else {
            return Err(wrong("a message is an object".into()));
        };
        let role = fields.get("role").and_then(Value::as_str);
        let role = role.ok_or_else(|| wrong("role is missing or no text".into()))?;
        let mut written = Map::with_capacity(fields.len());
        for (name, value) in fields {
            match (name.as_str(), value) {
                (_, Value::Null) => {}
                ("content", value) => {
                    let content = self.content(role, value).map_err(wrong)?;
                    written.insert(name.clone(), content);
                }
                ("tool_calls", Value::Array(calls)) => {
                    let calls = calls.iter().map(|call| self.call(call)).collect();
                    written.insert(name.clone(), calls);
                }
                _ => {
                    written.insert(name.clone(), value.clone());
                }
            }
        }
        if written.contains_key("tool_calls") {
            self.fill_content(&mut written);
        }
        Ok(Value::Object(written))
    }

    fn content(&self, role: &str, content: &Value) -> Result<Value, String> {
        let place = ROLES.iter().position(|known| *known == role).unwrap_or(1);
        match (content, self.content[place]) {
            (Value::String(_), ContentForm::Text | ContentForm::Either) => Ok(content.clone()),
            (Value::String(text), ContentForm::Parts) => {
                Ok(serde_json::json!([{"type": "text", "text": text}]))
            }
            (Value::Array(parts), ContentForm::Text) => {
                let texts: Result<Vec<&str>, String> = parts
                    .iter()
                    .map(|part| {
                        text_of_part(part).ok_or_else(|| {
                            let kind = part["type"].as_str().unwrap_or("?");
                            format!("the model takes text only, not parts of type {kind}")
                        })
                    })
                    .collect();
                Ok(Value::from(texts?.join("\n")))
            }
            (Value::Array(parts), ContentForm::Either | ContentForm::Parts) => {
                Ok(parts.iter().map(known_part).collect())
            }
            _ => Err("content is neither a text nor a list of parts".into()),
        }
    }

    fn fill_content(&self, message: &mut Map<String, Value>) {
        let is_empty = message.get("content").is_none_or(|content| content == "");
        if is_empty {
            match self.no_content {
                NoContent::Missing => message.shift_remove("content"),
                NoContent::Null => message.insert("content".into(), Value::Null),
                NoContent::Empty => message.insert("content".into(), Value::from("")),
            };
        }
    }

    /// A call whose arguments are an object, or a text if the template needs that.
    fn call(&self, call: &Value) -> Value {
        let mut call = call.clone();
        for path in ["/function/arguments", "/arguments"] {
            let Some(arguments) = call.pointer_mut(path) else { continue };
            match arguments {
                Value::String(text) if !self.arguments_as_text => {
                    let text = if text.trim().is_empty() { "{}" } else { text };
                    if let Ok(object @ Value::Object(_)) = serde_json::from_str(text) {
                        *arguments = object;
                    }
                }
                Value::Object(_) if self.arguments_as_text => {
                    *arguments = Value::from(arguments.to_string());
                }
                _ => {}
            }
        }
        call
    }
}

fn text_of_part(part: &Value) -> Option<&str> {
    match part {
        Value::String(text) => Some(text),
        Value::Object(fields) => match fields.get("type")?.as_str()? {
            "text" | "input_text" | "output_text" => fields.get("text")?.as_str(),
            "refusal" => fields.get("refusal")?.as_str(),
            _ => None,
        },
        _ => None,
    }
}

/// A part with the type that templates know: `text`, `image`, `audio` or `video`.
fn known_part(part: &Value) -> Value {
    if let Some(text) = text_of_part(part) {
        return serde_json::json!({"type": "text", "text": text});
    }
    let mut part = part.clone();
    let kind = match part["type"].as_str() {
        Some("image_url" | "input_image") => "image",
        Some("audio_url" | "input_audio") => "audio",
        Some("video_url" | "input_video") => "video",
        _ => return part,
    };
    part["type"] = kind.into();
    part
}
