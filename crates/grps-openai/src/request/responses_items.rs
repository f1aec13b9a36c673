//! Items of `/v1/responses`, brought into the form that chat templates take.

use serde_json::{Map, Value, json};

use super::chat_messages::{Parts, new_message, tool_call};
use super::media::Media;
use crate::error::ApiError;
use crate::reading::{Fields, kind_of};

/// Reads `instructions` and `input`.
pub(crate) fn read_input(fields: &mut Fields) -> Result<(Vec<Value>, Vec<Media>), ApiError> {
    let mut items = Items::default();
    if let Some(instructions) = fields.string("instructions")? {
        items.push("system", instructions.into());
    }
    match fields.value("input") {
        None => return Err(fields.missing("input")),
        Some(text @ Value::String(_)) => items.push("user", text),
        Some(Value::Array(values)) if values.is_empty() => {
            return Err(fields.invalid("input", "'input' is empty."));
        }
        Some(Value::Array(values)) => {
            for (index, value) in values.into_iter().enumerate() {
                items.read(Fields::of(value, format!("input[{index}]"))?)?;
            }
        }
        Some(other) => {
            let message = format!("'input' must be text or items, not {}.", kind_of(&other));
            return Err(fields.invalid("input", message));
        }
    }
    items.end_turn();
    Ok((items.messages, items.media))
}

/// The messages read so far. What the assistant did is divided into items; items that follow each
/// other become one message.
#[derive(Default)]
struct Items {
    messages: Vec<Value>,
    media: Vec<Media>,
    /// The message of the assistant that is still read.
    turn: Option<Map<String, Value>>,
}

impl Items {
    fn push(&mut self, role: &str, content: Value) {
        self.end_turn();
        self.messages.push(json!({"role": role, "content": content}));
    }

    fn end_turn(&mut self) {
        if let Some(mut turn) = self.turn.take() {
            turn.entry("content").or_insert_with(|| json!(""));
            self.messages.push(Value::Object(turn));
        }
    }

    fn turn(&mut self) -> &mut Map<String, Value> {
        self.turn.get_or_insert_with(|| new_message("assistant"))
    }

    fn read(&mut self, mut item: Fields) -> Result<(), ApiError> {
        match item.string("type")?.as_deref() {
            None | Some("message") => self.read_message(item),
            Some("function_call") => {
                let id = item.required_string("call_id")?;
                let name = item.required_string("name")?;
                let arguments = item.string("arguments")?.filter(|text| !text.trim().is_empty());
                let call = tool_call(&id, &name, arguments.as_deref().unwrap_or("{}"));
                let calls = self.turn().entry("tool_calls").or_insert_with(|| json!([]));
                calls.as_array_mut().into_iter().for_each(|calls| calls.push(call.clone()));
                Ok(())
            }
            Some("function_call_output") => {
                self.end_turn();
                let id = item.required_string("call_id")?;
                let output = item.value("output").ok_or_else(|| item.missing("output"))?;
                let content = self.read_content(output, &item.param("output"))?;
                self.messages.push(json!({"role": "tool", "tool_call_id": id, "content": content}));
                Ok(())
            }
            Some("reasoning") => self.read_reasoning(item),
            Some(other) => {
                let message = format!("Items of type '{other}' are not supported.");
                Err(item.invalid("type", message))
            }
        }
    }

    fn read_message(&mut self, mut item: Fields) -> Result<(), ApiError> {
        let role = item.required_string("role")?;
        let content = item.value("content").ok_or_else(|| item.missing("content"))?;
        let content = self.read_content(content, &item.param("content"))?;
        match role.as_str() {
            "system" | "developer" => self.push("system", content),
            "user" => self.push("user", content),
            "assistant" => {
                // A second text, or one after calls, begins another message.
                if self.turn.as_ref().is_some_and(|turn| turn.len() > 1 && !only_thinks(turn)) {
                    self.end_turn();
                }
                self.turn().insert("content".to_owned(), content);
            }
            _ => {
                let message = format!(
                    "Unknown role '{role}': use 'system', 'developer', 'user' or 'assistant'."
                );
                return Err(item.invalid("role", message));
            }
        }
        Ok(())
    }

    fn read_reasoning(&mut self, mut item: Fields) -> Result<(), ApiError> {
        let mut texts = Vec::new();
        for name in ["content", "summary"] {
            for (index, part) in item.array(name)?.unwrap_or_default().into_iter().enumerate() {
                let mut part = Fields::of(part, item.param(&format!("{name}[{index}]")))?;
                texts.extend(part.string("text")?);
            }
            if !texts.is_empty() {
                break;
            }
        }
        if !texts.is_empty() {
            self.end_turn();
            self.turn().insert("reasoning_content".to_owned(), json!(texts.join("\n")));
        }
        Ok(())
    }

    fn read_content(&mut self, content: Value, param: &str) -> Result<Value, ApiError> {
        let values = match content {
            Value::String(_) => return Ok(content),
            Value::Array(values) => values,
            other => {
                let kind = kind_of(&other);
                let message = format!("'{param}' must be a string or an array, not {kind}.");
                return Err(ApiError::invalid(param, message));
            }
        };
        let mut parts = Parts::default();
        for (index, value) in values.into_iter().enumerate() {
            let mut part = Fields::of(value, format!("{param}[{index}]"))?;
            match part.required_string("type")?.as_str() {
                "input_text" | "output_text" | "text" => {
                    parts.text(part.string("text")?.ok_or_else(|| part.missing("text"))?);
                }
                "refusal" => parts.text(part.required_string("refusal")?),
                "input_image" => {
                    let url = part.required_string("image_url")?;
                    parts.media(Media::image(&url, &part.param("image_url"))?, &mut self.media);
                }
                "input_audio" => parts.media(Media::read_audio(&mut part)?, &mut self.media),
                other => {
                    let message = format!("Parts of type '{other}' are not supported.");
                    return Err(part.invalid("type", message));
                }
            }
        }
        parts.into_content(param)
    }
}

fn only_thinks(turn: &Map<String, Value>) -> bool {
    turn.len() == 2 && turn.contains_key("reasoning_content")
}
