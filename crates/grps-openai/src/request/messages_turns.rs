//! Messages of the Anthropic API, brought into the form that chat templates take.

use serde_json::{Value, json};

use super::chat_messages::{Parts, new_message, tool_call};
use super::media::{Media, MediaKind};
use crate::error::ApiError;
use crate::reading::{Fields, kind_of};

/// Reads `system` and `messages`. Results of tools, which users send here, become messages of
/// their own before what the user says.
pub(crate) fn read_turns(fields: &mut Fields) -> Result<(Vec<Value>, Vec<Media>), ApiError> {
    let mut turns = Turns::default();
    if let Some(system) = fields.value("system") {
        let content = turns.read_plain(system, "system")?;
        turns.push("system", content);
    }
    let values = fields.array("messages")?.ok_or_else(|| fields.missing("messages"))?;
    if values.is_empty() {
        return Err(fields.invalid("messages", "'messages' is empty."));
    }
    for (index, value) in values.into_iter().enumerate() {
        let mut message = Fields::of(value, format!("messages[{index}]"))?;
        let role = message.required_string("role")?;
        let content = message.value("content").ok_or_else(|| message.missing("content"))?;
        let param = message.param("content");
        match role.as_str() {
            "user" => turns.read_user(content, &param)?,
            "assistant" => turns.read_assistant(content, &param)?,
            _ => {
                let text = format!("Unknown role '{role}': use 'user' or 'assistant'.");
                return Err(message.invalid("role", text));
            }
        }
    }
    Ok((turns.messages, turns.media))
}

/// The messages read so far.
#[derive(Default)]
struct Turns {
    messages: Vec<Value>,
    media: Vec<Media>,
}

impl Turns {
    fn push(&mut self, role: &str, content: Value) {
        self.messages.push(json!({"role": role, "content": content}));
    }

    fn read_user(&mut self, content: Value, param: &str) -> Result<(), ApiError> {
        if content.is_string() {
            self.push("user", content);
            return Ok(());
        }
        let mut parts = Parts::default();
        let mut had_results = false;
        for mut block in read_blocks(content, param)? {
            let kind = block.required_string("type")?;
            if kind == "tool_result" {
                self.read_tool_result(block)?;
                had_results = true;
            } else {
                self.read_part(&kind, &mut block, &mut parts)?;
            }
        }
        if !parts.is_empty() || !had_results {
            let content = parts.into_content(param)?;
            self.push("user", content);
        }
        Ok(())
    }

    fn read_tool_result(&mut self, mut block: Fields) -> Result<(), ApiError> {
        let id = block.required_string("tool_use_id")?;
        block.boolean("is_error")?;
        let content = match block.value("content") {
            None => Value::String(String::new()),
            Some(Value::Array(blocks)) if blocks.is_empty() => Value::String(String::new()),
            Some(content) => self.read_plain(content, &block.param("content"))?,
        };
        self.messages.push(json!({"role": "tool", "tool_call_id": id, "content": content}));
        Ok(())
    }

    /// Content of text and images only.
    fn read_plain(&mut self, content: Value, param: &str) -> Result<Value, ApiError> {
        if content.is_string() {
            return Ok(content);
        }
        let mut parts = Parts::default();
        for mut block in read_blocks(content, param)? {
            let kind = block.required_string("type")?;
            self.read_part(&kind, &mut block, &mut parts)?;
        }
        parts.into_content(param)
    }

    fn read_part(
        &mut self,
        kind: &str,
        block: &mut Fields,
        parts: &mut Parts,
    ) -> Result<(), ApiError> {
        match kind {
            "text" => {
                let text = block.string("text")?.ok_or_else(|| block.missing("text"))?;
                parts.text(text);
            }
            "image" => {
                let source = block.fields("source")?;
                let source = source.ok_or_else(|| block.missing("source"))?;
                parts.media(read_image(source)?, &mut self.media);
            }
            other => {
                let message = format!("Blocks of type '{other}' are not supported here.");
                return Err(block.invalid("type", message));
            }
        }
        Ok(())
    }

    fn read_assistant(&mut self, content: Value, param: &str) -> Result<(), ApiError> {
        if content.is_string() {
            self.push("assistant", content);
            return Ok(());
        }
        let (mut texts, mut thoughts, mut calls) = (Vec::new(), Vec::new(), Vec::new());
        for mut block in read_blocks(content, param)? {
            match block.required_string("type")?.as_str() {
                "text" => texts.push(block.string("text")?.ok_or_else(|| block.missing("text"))?),
                "thinking" => thoughts.extend(block.string("thinking")?),
                "redacted_thinking" => {}
                "tool_use" => calls.push(read_tool_use(block)?),
                other => {
                    let message = format!("Blocks of type '{other}' are not supported here.");
                    return Err(block.invalid("type", message));
                }
            }
        }
        let mut message = new_message("assistant");
        message.insert("content".to_owned(), texts.concat().into());
        if !thoughts.is_empty() {
            message.insert("reasoning_content".to_owned(), thoughts.join("\n").into());
        }
        if !calls.is_empty() {
            message.insert("tool_calls".to_owned(), Value::Array(calls));
        }
        self.messages.push(Value::Object(message));
        Ok(())
    }
}

fn read_blocks(content: Value, param: &str) -> Result<Vec<Fields>, ApiError> {
    match content {
        Value::Array(values) => {
            let blocks = values.into_iter().enumerate();
            blocks.map(|(index, value)| Fields::of(value, format!("{param}[{index}]"))).collect()
        }
        other => {
            let kind = kind_of(&other);
            let message = format!("'{param}' must be a string or an array of blocks, not {kind}.");
            Err(ApiError::invalid(param, message))
        }
    }
}

fn read_tool_use(mut block: Fields) -> Result<Value, ApiError> {
    let id = block.required_string("id")?;
    let name = block.required_string("name")?;
    let input = Value::Object(block.object("input")?.unwrap_or_default());
    Ok(tool_call(&id, &name, &input.to_string()))
}

fn read_image(mut source: Fields) -> Result<Media, ApiError> {
    match source.required_string("type")?.as_str() {
        "base64" => {
            let mime = source.required_string("media_type")?;
            let data = source.required_string("data")?;
            Media::data(MediaKind::Image, &mime, &data, &source.param("data"))
        }
        "url" => Media::image(&source.required_string("url")?, &source.param("url")),
        other => {
            let message = format!("'{other}' is none of 'base64' and 'url'.");
            Err(source.invalid("type", message))
        }
    }
}
