//! `/v1/responses`.

use serde_json::{Map, Value, json};

use super::generation::{Generation, Prompt};
use super::output_format::OutputFormat;
use super::responses_items::read_input;
use super::sampling::Sampling;
use super::tools::{read_flat_tool, read_tool_choice, read_tools};
use crate::error::ApiError;
use crate::limits::{Limits, MAX_TOP_LOGPROBS};
use crate::reading::Fields;

/// A request for a response.
#[derive(Clone, Debug, PartialEq)]
pub struct ResponsesRequest {
    /// What is generated.
    pub generation: Generation,
    /// Fields of the request that the response repeats.
    pub repeated: Map<String, Value>,
}

/// Fields that a response repeats, and their values if the request has none.
const REPEATED: [(&str, &str); 13] = [
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("reasoning", r#"{"effort":null,"summary":null}"#),
    ("service_tier", r#""default""#),
    ("temperature", "1.0"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("tool_choice", r#""auto""#),
    ("tools", "[]"),
    ("top_logprobs", "0"),
    ("top_p", "1.0"),
    ("user", "null"),
];

/// Fields that need stored responses or work after the connection has ended.
const STATEFUL: [&str; 4] = ["background", "conversation", "previous_response_id", "prompt"];

/// Reads a request for a response. Responses are not stored.
///
/// # Errors
///
/// The body is too large, not JSON, or a field has a wrong value, which the error names.
pub fn read_responses(body: &[u8], limits: &Limits) -> Result<ResponsesRequest, ApiError> {
    let mut fields = Fields::read(body, limits)?;
    let fields = &mut fields;
    for name in STATEFUL {
        if fields.peek(name).is_some_and(|value| *value != Value::Bool(false)) {
            let message = format!("'{name}' is not supported: responses are not stored.");
            return Err(fields.invalid(name, message));
        }
    }
    let repeated = repeat(fields);
    let mut generation = Generation::new(fields)?;
    let (messages, media) = read_input(fields)?;
    generation.prompts = vec![Prompt::Messages(messages)];
    generation.media = media;
    generation.sampling = Sampling::read_common(fields, 2.0)?;
    generation.sampling.max_tokens = fields.count("max_output_tokens", 1)?;
    generation.logprobs = read_logprobs(fields)?;
    generation.tools = read_tools(fields, limits, read_flat_tool)?;
    generation.tool_choice = read_tool_choice(fields, &generation.tools)?;
    generation.parallel_tool_calls = fields.boolean("parallel_tool_calls")?.unwrap_or(true);
    if let Some(mut text) = fields.fields("text")?
        && let Some(format) = text.fields("format")?
    {
        generation.format = OutputFormat::read_type(format, "")?;
    }
    read_reasoning(fields, &mut generation.template.arguments)?;
    generation.include_usage = true;
    Ok(ResponsesRequest { generation, repeated })
}

fn repeat(fields: &Fields) -> Map<String, Value> {
    let value = |name: &str, default: &str| {
        fields.peek(name).cloned().or_else(|| serde_json::from_str(default).ok())
    };
    let pairs = REPEATED
        .iter()
        .map(|(name, default)| ((*name).to_owned(), value(name, default).unwrap_or_default()));
    pairs.collect()
}

/// Log probabilities are asked for by `include`, or by a number of alternatives.
fn read_logprobs(fields: &mut Fields) -> Result<Option<u32>, ApiError> {
    let included = fields.strings("include")?;
    let wanted = included.iter().any(|name| name == "message.output_text.logprobs");
    let top = fields.integer("top_logprobs", 0..=i64::from(MAX_TOP_LOGPROBS))?.unwrap_or(0);
    Ok((wanted || top > 0).then(|| u32::try_from(top).unwrap_or(0)))
}

fn read_reasoning(fields: &mut Fields, arguments: &mut Map<String, Value>) -> Result<(), ApiError> {
    let Some(mut reasoning) = fields.fields("reasoning")? else { return Ok(()) };
    if let Some(effort) = reasoning.string("effort")? {
        if effort == "none" {
            arguments.insert("enable_thinking".to_owned(), json!(false));
        }
        arguments.insert("reasoning_effort".to_owned(), json!(effort));
    }
    Ok(())
}
