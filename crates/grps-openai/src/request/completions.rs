//! `/v1/completions`.

use serde_json::Value;

use super::chat::{read_choices, read_stream_options};
use super::generation::{Generation, Prompt};
use super::output_format::OutputFormat;
use super::sampling::Sampling;
use crate::error::ApiError;
use crate::limits::{Limits, MAX_TOP_LOGPROBS};
use crate::reading::{Fields, expect_string, expect_tokens, kind_of};

/// Reads a request that completes prompts.
///
/// # Errors
///
/// The body is too large, not JSON, or a field has a wrong value, which the error names.
pub fn read_completion(body: &[u8], limits: &Limits) -> Result<Generation, ApiError> {
    let mut fields = Fields::read(body, limits)?;
    let fields = &mut fields;
    let mut completion = Generation::new(fields)?;
    if fields.string("suffix")?.is_some_and(|suffix| !suffix.is_empty()) {
        return Err(fields.invalid("suffix", "'suffix' is not supported."));
    }
    completion.prompts = read_prompts(fields, "prompt", limits)?;
    completion.sampling = Sampling::read(fields)?;
    // Clients of this route that say nothing expect a short text.
    completion.sampling.max_tokens.get_or_insert(16.max(completion.sampling.min_tokens));
    completion.choices = read_choices(fields, limits)?;
    if completion.total_choices() > limits.sequences {
        let (count, limit) = (completion.total_choices(), limits.sequences);
        let message = format!("{count} prompts times choices, at most {limit} are allowed.");
        return Err(fields.invalid("n", message));
    }
    let logprobs = fields.integer("logprobs", 0..=i64::from(MAX_TOP_LOGPROBS))?;
    completion.logprobs = logprobs.and_then(|top| u32::try_from(top).ok());
    completion.include_usage = read_stream_options(fields, completion.stream)?;
    completion.format = OutputFormat::read(fields)?;
    completion.echo = fields.boolean("echo")?.unwrap_or(false);
    Ok(completion)
}

/// A text, tokens, or a list of either.
pub(crate) fn read_prompts(
    fields: &mut Fields,
    name: &str,
    limits: &Limits,
) -> Result<Vec<Prompt>, ApiError> {
    let param = fields.param(name);
    let values = match fields.value(name) {
        None => return Err(fields.missing(name)),
        Some(Value::String(text)) => return Ok(vec![Prompt::Text(text)]),
        Some(Value::Array(values)) => values,
        Some(other) => {
            let kind = kind_of(&other);
            let message = format!("'{param}' must be a string or an array, not {kind}.");
            return Err(ApiError::invalid(param, message));
        }
    };
    match values.first() {
        None => return Err(ApiError::invalid(&*param, format!("'{param}' is empty."))),
        Some(Value::Number(_)) => return Ok(vec![Prompt::Tokens(expect_tokens(&values, &param)?)]),
        Some(_) if values.len() > limits.sequences => {
            let (count, limit) = (values.len(), limits.sequences);
            let message = format!("'{param}' has {count} items, at most {limit} are allowed.");
            return Err(ApiError::invalid(param, message));
        }
        Some(_) => {}
    }
    let prompts = values.into_iter().enumerate();
    prompts.map(|(index, value)| read_prompt(value, &format!("{param}[{index}]"))).collect()
}

fn read_prompt(value: Value, param: &str) -> Result<Prompt, ApiError> {
    match value {
        Value::Array(tokens) => Ok(Prompt::Tokens(expect_tokens(&tokens, param)?)),
        other => Ok(Prompt::Text(expect_string(other, param)?)),
    }
}
