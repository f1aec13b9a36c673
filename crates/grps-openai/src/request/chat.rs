//! `/v1/chat/completions`.

use serde_json::Value;

use super::chat_messages::read_chat_messages;
use super::generation::{Generation, Prompt, TemplateOptions};
use super::output_format::OutputFormat;
use super::sampling::Sampling;
use super::tools::{read_chat_tool, read_tool_choice, read_tools};
use crate::error::ApiError;
use crate::limits::{Limits, MAX_TOP_LOGPROBS};
use crate::reading::Fields;

/// Reads a request for a chat.
///
/// # Errors
///
/// The body is too large, not JSON, or a field has a wrong value, which the error names.
pub fn read_chat(body: &[u8], limits: &Limits) -> Result<Generation, ApiError> {
    let mut fields = Fields::read(body, limits)?;
    let fields = &mut fields;
    let mut chat = Generation::new(fields)?;
    refuse_unsupported(fields)?;
    let (messages, media) = read_chat_messages(fields)?;
    chat.prompts = vec![Prompt::Messages(messages)];
    chat.media = media;
    chat.sampling = Sampling::read(fields)?;
    chat.choices = read_choices(fields, limits)?;
    chat.logprobs = read_logprobs(fields)?;
    chat.include_usage = read_stream_options(fields, chat.stream)?;
    chat.tools = read_tools(fields, limits, read_chat_tool)?;
    chat.tool_choice = read_tool_choice(fields, &chat.tools)?;
    chat.parallel_tool_calls = fields.boolean("parallel_tool_calls")?.unwrap_or(true);
    chat.format = OutputFormat::read(fields)?;
    chat.template = read_template(fields)?;
    Ok(chat)
}

/// Fields that change the answer and can't be followed.
fn refuse_unsupported(fields: &mut Fields) -> Result<(), ApiError> {
    for (name, instead) in [("functions", "tools"), ("function_call", "tool_choice")] {
        if fields.has(name) {
            let message = format!("'{name}' is not supported; use '{instead}'.");
            return Err(fields.invalid(name, message));
        }
    }
    if fields.strings("modalities")?.iter().any(|modality| modality != "text") {
        return Err(fields.invalid("modalities", "Only 'text' is supported."));
    }
    if fields.has("chat_template") {
        let message = "Templates of clients are not supported; the model has its own.";
        return Err(fields.invalid("chat_template", message));
    }
    Ok(())
}

/// `n`, and `best_of` if it says the same.
pub(crate) fn read_choices(fields: &mut Fields, limits: &Limits) -> Result<u32, ApiError> {
    let choices = fields.integer("n", 1..=i64::from(limits.choices))?.unwrap_or(1);
    let best_of = fields.integer("best_of", 1..=i64::from(u32::MAX))?.unwrap_or(choices);
    if best_of != choices {
        let message = format!("'best_of' is not supported unless it is 'n', which is {choices}.");
        return Err(fields.invalid("best_of", message));
    }
    Ok(u32::try_from(choices).unwrap_or(1))
}

fn read_logprobs(fields: &mut Fields) -> Result<Option<u32>, ApiError> {
    let wanted = fields.boolean("logprobs")?.unwrap_or(false);
    let top = fields.integer("top_logprobs", 0..=i64::from(MAX_TOP_LOGPROBS))?;
    match (wanted, top) {
        (true, top) => Ok(Some(u32::try_from(top.unwrap_or(0)).unwrap_or(0))),
        (false, None | Some(0)) => Ok(None),
        (false, Some(_)) => {
            let message = "'top_logprobs' needs 'logprobs' to be true.";
            Err(fields.invalid("top_logprobs", message))
        }
    }
}

/// Whether a stream ends with the usage.
pub(crate) fn read_stream_options(fields: &mut Fields, stream: bool) -> Result<bool, ApiError> {
    let Some(mut options) = fields.fields("stream_options")? else { return Ok(false) };
    if !stream {
        let message = "'stream_options' is only allowed if 'stream' is true.";
        return Err(fields.invalid("stream_options", message));
    }
    Ok(options.boolean("include_usage")?.unwrap_or(false))
}

pub(crate) fn read_template(fields: &mut Fields) -> Result<TemplateOptions, ApiError> {
    let mut arguments = fields.object("chat_template_kwargs")?.unwrap_or_default();
    if let Some(thinking) = fields.boolean("enable_thinking")? {
        arguments.insert("enable_thinking".to_owned(), Value::Bool(thinking));
    }
    if let Some(effort) = fields.string("reasoning_effort")? {
        if effort == "none" {
            arguments.insert("enable_thinking".to_owned(), Value::Bool(false));
        }
        arguments.insert("reasoning_effort".to_owned(), Value::String(effort));
    }
    let continued = fields.boolean("continue_final_message")?.unwrap_or(false);
    let prompted = fields.boolean("add_generation_prompt")?;
    if continued && prompted == Some(true) {
        let message = "Only one of 'continue_final_message' and 'add_generation_prompt' is \
                       allowed.";
        return Err(fields.invalid("continue_final_message", message));
    }
    Ok(TemplateOptions {
        arguments,
        add_generation_prompt: prompted.unwrap_or(!continued),
        continue_final_message: continued,
    })
}
