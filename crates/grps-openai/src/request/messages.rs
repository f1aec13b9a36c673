//! `/v1/messages` of the Anthropic API and its `count_tokens`.

use serde_json::{Value, json};

use super::generation::{Generation, Prompt};
use super::messages_turns::read_turns;
use super::output_format::OutputFormat;
use super::sampling::{Sampling, read_stop};
use super::tools::{Tool, ToolChoice, check_tool_choice, read_tools};
use crate::error::ApiError;
use crate::limits::Limits;
use crate::reading::Fields;

/// Fewest tokens of thinking that a client may ask for.
const MIN_THINKING_TOKENS: i64 = 1024;

/// Reads a request for a message.
///
/// # Errors
///
/// The body is too large, not JSON, or a field has a wrong value, which the error names.
pub fn read_messages(body: &[u8], limits: &Limits) -> Result<Generation, ApiError> {
    let mut fields = Fields::read(body, limits)?;
    let max_tokens = fields.count("max_tokens", 1)?;
    let max_tokens = max_tokens.ok_or_else(|| fields.missing("max_tokens"))?;
    let mut generation = read_prompt(&mut fields, limits)?;
    generation.sampling = Sampling::read_common(&mut fields, 1.0)?;
    generation.sampling.max_tokens = Some(max_tokens);
    generation.sampling.stop = read_stop(&mut fields, "stop_sequences")?;
    if let Some(mut config) = fields.fields("output_config")?
        && let Some(format) = config.fields("format")?
    {
        generation.format = OutputFormat::read_type(format, "")?;
    }
    generation.include_usage = true;
    Ok(generation)
}

/// Reads a request for the number of tokens of a prompt. What it generates is of no meaning.
///
/// # Errors
///
/// As [`read_messages`].
pub fn read_count_tokens(body: &[u8], limits: &Limits) -> Result<Generation, ApiError> {
    read_prompt(&mut Fields::read(body, limits)?, limits)
}

/// What both routes have: all that becomes part of the prompt.
fn read_prompt(fields: &mut Fields, limits: &Limits) -> Result<Generation, ApiError> {
    let mut generation = Generation::new(fields)?;
    let (messages, media) = read_turns(fields)?;
    generation.prompts = vec![Prompt::Messages(messages)];
    generation.media = media;
    generation.tools = read_tools(fields, limits, read_tool)?;
    read_choice(fields, &mut generation)?;
    if let Some(mut thinking) = fields.fields("thinking")? {
        let on = match thinking.required_string("type")?.as_str() {
            "enabled" => {
                let range = MIN_THINKING_TOKENS..=i64::from(u32::MAX);
                thinking.integer("budget_tokens", range)?;
                true
            }
            "adaptive" => true,
            "disabled" => false,
            other => {
                let message = format!("'{other}' is none of 'enabled', 'adaptive', 'disabled'.");
                return Err(thinking.invalid("type", message));
            }
        };
        generation.template.arguments.insert("enable_thinking".to_owned(), json!(on));
    }
    if let Some(Value::String(user)) = generation.metadata.get("user_id") {
        generation.user = Some(user.clone());
    }
    Ok(generation)
}

/// A tool of the client has no type or the type `custom`.
fn read_tool(mut fields: Fields) -> Result<Tool, ApiError> {
    if let Some(kind) = fields.string("type")?.filter(|kind| kind != "custom") {
        let message = format!("Tools of type '{kind}' are not supported, only those of clients.");
        return Err(fields.invalid("type", message));
    }
    if !fields.has("input_schema") {
        return Err(fields.missing("input_schema"));
    }
    Tool::read(&mut fields, "input_schema", 128)
}

fn read_choice(fields: &mut Fields, generation: &mut Generation) -> Result<(), ApiError> {
    let mut choice = ToolChoice::Auto;
    if let Some(mut fields) = fields.fields("tool_choice")? {
        choice = match fields.required_string("type")?.as_str() {
            "auto" => ToolChoice::Auto,
            "any" => ToolChoice::Required,
            "none" => ToolChoice::None,
            "tool" => ToolChoice::Named(fields.required_string("name")?),
            other => {
                let message = format!("'{other}' is none of 'auto', 'any', 'tool' and 'none'.");
                return Err(fields.invalid("type", message));
            }
        };
        let single = fields.boolean("disable_parallel_tool_use")?.unwrap_or(false);
        generation.parallel_tool_calls = !single;
    }
    generation.tool_choice = check_tool_choice(choice, &generation.tools)?;
    Ok(())
}
