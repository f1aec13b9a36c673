//! The inputs of a language model: the tokens of the prompt, and how the answer is generated.

use bytes::Bytes;
use grps_chat::CallGuide;
use grps_core::{DataType, Error, Tensor, Values};
use grps_openai::{ApiError, Generation, OutputFormat, Sampling};

use crate::frontends::openai::errors::Fault;

/// The temperature of a request that has none, as OpenAI has it.
const TEMPERATURE: f32 = 1.0;

/// The inputs of one choice, which may be guided to a call. Choices have different seeds.
///
/// # Errors
/// Something of it is not supported.
pub(super) fn inputs(
    generation: &Generation,
    guide: Option<&CallGuide>,
    prompt: &[u32],
    seed: i64,
) -> Result<Vec<Tensor>, Fault> {
    let sampling = &generation.sampling;
    refuse_unsupported(generation)?;
    let tokens: Vec<i64> = prompt.iter().map(|token| i64::from(*token)).collect();
    let mut inputs = vec![many("tokens", Values::Int64(tokens))?];
    let mut float = |name: &'static str, value: Option<f32>| -> Result<(), Error> {
        if let Some(value) = value {
            inputs.push(many(name, Values::Float32(vec![value]))?);
        }
        Ok(())
    };
    float("temperature", Some(sampling.temperature.unwrap_or(TEMPERATURE)))?;
    float("top_p", sampling.top_p)?;
    float("min_p", sampling.min_p)?;
    float("presence_penalty", sampling.presence_penalty)?;
    float("frequency_penalty", sampling.frequency_penalty)?;
    float("repetition_penalty", sampling.repetition_penalty)?;
    let number = |value: i64| Values::Int64(vec![value]);
    let numbers = [
        ("top_k", sampling.top_k.filter(|top_k| *top_k > 0).map(i64::from)),
        ("max_tokens", sampling.max_tokens.map(i64::from)),
        ("min_tokens", (sampling.min_tokens > 0).then_some(i64::from(sampling.min_tokens))),
        ("seed", Some(seed)),
        ("logprobs", generation.logprobs.map(|_| 1)),
        ("ignore_eos", sampling.ignore_eos.then_some(1)),
    ];
    for (name, value) in numbers {
        if let Some(value) = value {
            inputs.push(many(name, number(value))?);
        }
    }
    add_stops(sampling, &mut inputs)?;
    match guide {
        None => add_format(&generation.format, &mut inputs)?,
        Some(guide) => {
            let schema = Values::String(vec![guide.schema.to_string().into()]);
            inputs.push(many("json_schema", schema)?);
        }
    }
    Ok(inputs)
}

fn add_stops(sampling: &Sampling, inputs: &mut Vec<Tensor>) -> Result<(), Error> {
    if !sampling.stop.is_empty() {
        let strings = sampling.stop.iter().map(|text| Bytes::from(text.clone().into_bytes()));
        inputs.push(many("stop", Values::String(strings.collect()))?);
    }
    if !sampling.stop_token_ids.is_empty() {
        let tokens = sampling.stop_token_ids.iter().map(|token| i64::from(*token));
        inputs.push(many("stop_tokens", Values::Int64(tokens.collect()))?);
    }
    Ok(())
}

fn add_format(format: &OutputFormat, inputs: &mut Vec<Tensor>) -> Result<(), Error> {
    let (name, text) = match format {
        OutputFormat::Text => return Ok(()),
        OutputFormat::JsonObject => ("json_schema", r#"{"type":"object"}"#.to_owned()),
        OutputFormat::JsonSchema { schema, .. } => ("json_schema", schema.to_string()),
        OutputFormat::Regex(regex) => ("regex", regex.clone()),
        OutputFormat::Choice(texts) => ("regex", any_of(texts)),
        OutputFormat::Grammar(grammar) => ("grammar", grammar.clone()),
    };
    inputs.push(many(name, Values::String(vec![text.into()]))?);
    Ok(())
}

/// A regular expression for one of several texts.
fn any_of(texts: &[String]) -> String {
    let mut regex = String::from("(");
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            regex.push('|');
        }
        for character in text.chars() {
            if character.is_ascii_punctuation() {
                regex.push('\\');
            }
            regex.push(character);
        }
    }
    regex.push(')');
    regex
}

fn refuse_unsupported(generation: &Generation) -> Result<(), ApiError> {
    let sampling = &generation.sampling;
    let asked = [
        ("logit_bias", !sampling.logit_bias.is_empty()),
        ("bad_words", !sampling.bad_words.is_empty()),
        ("include_stop_str_in_output", sampling.include_stop),
        ("skip_special_tokens", !sampling.skip_special_tokens),
        ("top_logprobs", generation.logprobs.is_some_and(|top| top > 0)),
        ("echo", generation.echo && generation.logprobs.is_some()),
    ];
    match asked.into_iter().find(|(_, is_asked)| *is_asked) {
        Some((name, _)) => {
            let message = format!("'{name}' is not supported by the engine of this model.");
            Err(ApiError::invalid(name, message))
        }
        None => Ok(()),
    }
}

fn many(name: &'static str, values: Values) -> Result<Tensor, Error> {
    let length = match &values {
        Values::String(texts) => texts.len(),
        Values::Int64(numbers) => numbers.len(),
        Values::Float32(numbers) => numbers.len(),
        _ => return Err(Error::invalid(format!("'{name}' is no {}", DataType::Int64))),
    };
    Tensor::new(name.into(), vec![length], values)
}
