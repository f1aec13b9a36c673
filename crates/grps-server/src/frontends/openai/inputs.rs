//! The inputs of a language model: the tokens of the prompt, and how the answer is generated.

use std::slice;

use bytes::Bytes;
use grps_chat::CallGuide;
use grps_core::{Error, PROMPT_INPUT, Tensor, Values};
use grps_openai::{ApiError, Generation, OutputFormat, Sampling};

use crate::frontends::openai::api::Api;
use crate::frontends::openai::errors::Fault;
use crate::frontends::openai::language::Language;

/// The temperature of a request that has none, as OpenAI has it.
const TEMPERATURE: f32 = 1.0;

/// Inputs that not every engine takes.
const LOGIT_BIAS: &str = "logit_bias";
const TOP_LOGPROBS: &str = "top_logprobs";

/// The input with the name of the adapter that a model is asked for by.
const ADAPTER: &str = "adapter";

/// The inputs of one choice, which may be guided to a call. Choices have different seeds.
///
/// # Errors
/// A tensor is too large.
pub(super) fn inputs(
    language: &Language,
    generation: &Generation,
    guide: Option<&CallGuide>,
    prompt: &[u32],
    seed: i64,
) -> Result<Vec<Tensor>, Fault> {
    let sampling = &generation.sampling;
    let mut inputs = vec![integers(PROMPT_INPUT, prompt.iter().map(|token| i64::from(*token)))?];
    let numbers = [
        ("temperature", Some(sampling.temperature.unwrap_or(TEMPERATURE))),
        ("top_p", sampling.top_p),
        ("min_p", sampling.min_p),
        ("presence_penalty", sampling.presence_penalty),
        ("frequency_penalty", sampling.frequency_penalty),
        ("repetition_penalty", sampling.repetition_penalty),
    ];
    for (name, value) in numbers {
        if let Some(value) = value {
            inputs.push(Tensor::new(name.into(), [1].as_slice(), Values::Float32(vec![value]))?);
        }
    }
    let counts = [
        ("top_k", sampling.top_k.filter(|top_k| *top_k > 0).map(i64::from)),
        ("max_tokens", most_tokens(language, sampling, prompt)),
        ("min_tokens", (sampling.min_tokens > 0).then_some(i64::from(sampling.min_tokens))),
        ("seed", Some(seed)),
        ("logprobs", generation.logprobs.map(|_| 1)),
        (TOP_LOGPROBS, generation.logprobs.filter(|top| *top > 0).map(i64::from)),
        ("ignore_eos", sampling.ignore_eos.then_some(1)),
    ];
    for (name, value) in counts {
        if let Some(value) = value {
            inputs.push(integers(name, [value])?);
        }
    }
    if let Some(adapter) = &language.adapter {
        inputs.push(strings(ADAPTER, slice::from_ref(adapter))?);
    }
    add_biases(sampling, &mut inputs)?;
    add_stops(sampling, &mut inputs)?;
    match guide {
        None => add_format(&generation.format, &mut inputs)?,
        Some(guide) => {
            inputs.push(strings("json_schema", &[guide.schema.to_string()])?);
        }
    }
    Ok(inputs)
}

/// Without a limit of its own, an answer has the rest of the context.
fn most_tokens(language: &Language, sampling: &Sampling, prompt: &[u32]) -> Option<i64> {
    let rest = || i64::try_from(language.context_length().saturating_sub(prompt.len())).ok();
    sampling.max_tokens.map(i64::from).or_else(rest)
}

fn add_biases(sampling: &Sampling, inputs: &mut Vec<Tensor>) -> Result<(), Error> {
    if sampling.logit_bias.is_empty() {
        return Ok(());
    }
    let (tokens, biases): (Vec<_>, Vec<_>) = sampling.logit_bias.iter().copied().unzip();
    inputs.push(integers("logit_bias_tokens", tokens.into_iter().map(i64::from))?);
    inputs.push(Tensor::new(
        LOGIT_BIAS.into(),
        [biases.len()].as_slice(),
        Values::Float32(biases),
    )?);
    Ok(())
}

fn add_stops(sampling: &Sampling, inputs: &mut Vec<Tensor>) -> Result<(), Error> {
    if !sampling.stop.is_empty() {
        inputs.push(strings("stop", &sampling.stop)?);
    }
    if !sampling.stop_token_ids.is_empty() {
        let tokens = sampling.stop_token_ids.iter().map(|token| i64::from(*token));
        inputs.push(integers("stop_tokens", tokens)?);
    }
    Ok(())
}

fn add_format(format: &OutputFormat, inputs: &mut Vec<Tensor>) -> Result<(), Error> {
    let (name, texts) = match format {
        OutputFormat::Text => return Ok(()),
        OutputFormat::JsonObject => ("json_schema", vec![r#"{"type":"object"}"#.to_owned()]),
        OutputFormat::JsonSchema { schema, .. } => ("json_schema", vec![schema.to_string()]),
        OutputFormat::Regex(regex) => ("regex", vec![regex.clone()]),
        OutputFormat::Choice(texts) => ("choice", texts.clone()),
        OutputFormat::Grammar(grammar) => ("grammar", vec![grammar.clone()]),
    };
    inputs.push(strings(name, &texts)?);
    Ok(())
}

/// Checks that the engine of a model can do what a request asks for.
///
/// # Errors
/// It asks for something that the engine can't do.
pub(super) fn refuse_unsupported(
    api: Api,
    language: &Language,
    generation: &Generation,
) -> Result<(), ApiError> {
    let top_field = if api == Api::Completion { "logprobs" } else { "top_logprobs" };
    let sampling = &generation.sampling;
    // Fields, and the inputs that they become if the engine takes these.
    let asked = [
        ("logit_bias", Some(LOGIT_BIAS), !sampling.logit_bias.is_empty()),
        (top_field, Some(TOP_LOGPROBS), generation.logprobs.is_some_and(|top| top > 0)),
        (sampling.bad_words_field.unwrap_or("bad_words"), None, !sampling.bad_words.is_empty()),
        ("include_stop_str_in_output", None, sampling.include_stop),
        ("skip_special_tokens", None, !sampling.skip_special_tokens),
        ("echo", None, generation.echo && generation.logprobs.is_some()),
    ];
    let is_taken = |input: Option<&str>| input.is_some_and(|input| language.takes(input));
    match asked.into_iter().find(|(_, input, is_asked)| *is_asked && !is_taken(*input)) {
        Some((field, ..)) => {
            let message = format!("'{field}' is not supported by the engine of this model.");
            Err(ApiError::invalid(field, message))
        }
        None => Ok(()),
    }
}

fn integers(name: &'static str, values: impl IntoIterator<Item = i64>) -> Result<Tensor, Error> {
    let values: Vec<i64> = values.into_iter().collect();
    Tensor::new(name.into(), [values.len()].as_slice(), Values::Int64(values))
}

fn strings(name: &'static str, texts: &[String]) -> Result<Tensor, Error> {
    let values = texts.iter().map(|text| Bytes::from(text.clone())).collect();
    Tensor::new(name.into(), [texts.len()].as_slice(), Values::String(values))
}
