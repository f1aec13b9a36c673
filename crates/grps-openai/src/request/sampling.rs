//! How tokens are chosen, and when generation ends.

use serde_json::Value;

use crate::error::ApiError;
use crate::limits::{MAX_BAD_WORDS, MAX_BIASES, MAX_STOP_BYTES, MAX_STOP_STRINGS, MAX_STOP_TOKENS};
use crate::reading::{Fields, expect_tokens};

/// Values that a request did not send are `None`: the defaults are those of the model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// From 0, which takes the likeliest token, to 2.
    pub temperature: Option<f32>,
    /// Above 0, at most 1.
    pub top_p: Option<f32>,
    /// Tokens to choose from; 0 is all.
    pub top_k: Option<u32>,
    /// From 0 to 1.
    pub min_p: Option<f32>,
    /// From -2 to 2.
    pub presence_penalty: Option<f32>,
    /// From -2 to 2.
    pub frequency_penalty: Option<f32>,
    /// Above 0, at most 10; 1 has no effect.
    pub repetition_penalty: Option<f32>,
    /// The same seed gives the same text.
    pub seed: Option<i64>,
    /// Token ids and what is added to their logits, from -100 to 100, sorted by id.
    pub logit_bias: Vec<(u32, f32)>,
    /// Strings that end the generation.
    pub stop: Vec<String>,
    /// Tokens that end it.
    pub stop_token_ids: Vec<u32>,
    /// The stop string is part of the text.
    pub include_stop: bool,
    /// Words that are not generated.
    pub bad_words: Vec<String>,
    /// The field that has the first of them, for errors.
    pub bad_words_field: Option<&'static str>,
    /// Most tokens; `None` is the rest of the context.
    pub max_tokens: Option<u32>,
    /// Tokens before which nothing ends the generation.
    pub min_tokens: u32,
    /// The model's own end of text does not end it.
    pub ignore_eos: bool,
    /// Special tokens have no text.
    pub skip_special_tokens: bool,
}

impl Sampling {
    /// What all APIs send.
    pub(crate) fn read_common(fields: &mut Fields, max_temperature: f32) -> Result<Self, ApiError> {
        Ok(Self {
            temperature: fields.number("temperature", 0.0..=max_temperature)?,
            top_p: fields.positive("top_p", 1.0)?,
            top_k: read_top_k(fields)?,
            skip_special_tokens: true,
            ..Self::default()
        })
    }

    /// What chats and completions send, with what vLLM and the LLM plugin of GRPS 1.1 added.
    pub(crate) fn read(fields: &mut Fields) -> Result<Self, ApiError> {
        let mut sampling = Self::read_common(fields, 2.0)?;
        sampling.min_p = fields.number("min_p", 0.0..=1.0)?;
        sampling.presence_penalty = fields.number("presence_penalty", -2.0..=2.0)?;
        sampling.frequency_penalty = fields.number("frequency_penalty", -2.0..=2.0)?;
        sampling.repetition_penalty = fields.positive("repetition_penalty", 10.0)?;
        sampling.seed = fields.integer("seed", i64::MIN..=i64::MAX)?;
        sampling.logit_bias = read_logit_bias(fields)?;
        sampling.stop = read_stop(fields, "stop")?;
        sampling.stop_token_ids = read_stop_tokens(fields)?;
        sampling.include_stop = fields.boolean("include_stop_str_in_output")?.unwrap_or(false);
        (sampling.bad_words, sampling.bad_words_field) = read_bad_words(fields)?;
        sampling.max_tokens = read_max_tokens(fields)?;
        sampling.min_tokens = read_min_tokens(fields, sampling.max_tokens)?;
        sampling.ignore_eos = fields.boolean("ignore_eos")?.unwrap_or(false);
        sampling.skip_special_tokens = fields.boolean("skip_special_tokens")?.unwrap_or(true);
        refuse_beams(fields)?;
        refuse_unsupported(fields)?;
        Ok(sampling)
    }
}

/// -1 and 0 are both written for "all".
fn read_top_k(fields: &mut Fields) -> Result<Option<u32>, ApiError> {
    let top_k = fields.integer("top_k", -1..=i64::from(u32::MAX))?;
    Ok(top_k.map(|top_k| u32::try_from(top_k).unwrap_or(0)))
}

/// Of the two names of chats, the later one counts.
fn read_max_tokens(fields: &mut Fields) -> Result<Option<u32>, ApiError> {
    let older = fields.count("max_tokens", 1)?;
    Ok(fields.count("max_completion_tokens", 1)?.or(older))
}

fn read_min_tokens(fields: &mut Fields, max_tokens: Option<u32>) -> Result<u32, ApiError> {
    let mut min_tokens = 0;
    for name in ["min_length", "min_tokens"] {
        let Some(count) = fields.count(name, 0)? else { continue };
        if let Some(max_tokens) = max_tokens.filter(|&max_tokens| count > max_tokens) {
            let message = format!("'{name}' is {count}, which is more than {max_tokens} at most.");
            return Err(fields.invalid(name, message));
        }
        min_tokens = count;
    }
    Ok(min_tokens)
}

pub(crate) fn read_stop(fields: &mut Fields, name: &str) -> Result<Vec<String>, ApiError> {
    let stop = fields.strings(name)?;
    let param = fields.param(name);
    if stop.len() > MAX_STOP_STRINGS {
        let count = stop.len();
        let message = format!("'{param}' has {count} strings, at most {MAX_STOP_STRINGS} allowed.");
        return Err(ApiError::invalid(param, message));
    }
    for (index, string) in stop.iter().enumerate() {
        let bytes = string.len();
        if bytes == 0 || bytes > MAX_STOP_BYTES {
            let param = format!("{param}[{index}]");
            let message =
                format!("'{param}' has {bytes} bytes, from 1 to {MAX_STOP_BYTES} allowed.");
            return Err(ApiError::invalid(param, message));
        }
    }
    Ok(stop)
}

/// `end_id` is the name of the LLM plugin, for one id; -1 is none.
fn read_stop_tokens(fields: &mut Fields) -> Result<Vec<u32>, ApiError> {
    let mut ids = match fields.array("stop_token_ids")? {
        Some(values) if !values.is_empty() => expect_tokens(&values, "stop_token_ids")?,
        _ => Vec::new(),
    };
    if ids.len() > MAX_STOP_TOKENS {
        let count = ids.len();
        let message = format!("{count} stop token ids, at most {MAX_STOP_TOKENS} are allowed.");
        return Err(fields.invalid("stop_token_ids", message));
    }
    let end = fields.integer("end_id", -1..=i64::from(u32::MAX))?;
    ids.extend(end.and_then(|end| u32::try_from(end).ok()));
    Ok(ids)
}

/// `bad` is the name of the LLM plugin, `bad_words` that of vLLM.
fn read_bad_words(fields: &mut Fields) -> Result<(Vec<String>, Option<&'static str>), ApiError> {
    let (mut words, mut field) = (Vec::new(), None);
    for name in ["bad", "bad_words"] {
        for (index, word) in fields.strings(name)?.into_iter().enumerate() {
            if word.is_empty() || words.len() == MAX_BAD_WORDS {
                let message = format!("No word may be empty, and at most {MAX_BAD_WORDS} allowed.");
                return Err(fields.invalid(&format!("{name}[{index}]"), message));
            }
            words.push(word);
            field = field.or(Some(name));
        }
    }
    Ok((words, field))
}

fn read_logit_bias(fields: &mut Fields) -> Result<Vec<(u32, f32)>, ApiError> {
    let Some(map) = fields.object("logit_bias")? else { return Ok(Vec::new()) };
    if map.len() > MAX_BIASES {
        let message = format!("{} tokens have a bias, at most {MAX_BIASES} allowed.", map.len());
        return Err(fields.invalid("logit_bias", message));
    }
    let mut biases = Vec::with_capacity(map.len());
    for (key, value) in map {
        let Some(token) = parse_token(&key) else {
            let message = format!("The keys of 'logit_bias' must be token ids, not '{key}'.");
            return Err(fields.invalid("logit_bias", message));
        };
        match value.as_f64() {
            Some(bias) if (-100.0..=100.0).contains(&bias) => biases.push((token, bias as f32)),
            _ => {
                let message = format!("The bias of token {key} must be a number from -100 to 100.");
                return Err(fields.invalid(&format!("logit_bias.{key}"), message));
            }
        }
    }
    biases.sort_unstable_by_key(|&(token, _)| token);
    Ok(biases)
}

/// Digits only: `parse` would take a sign.
fn parse_token(key: &str) -> Option<u32> {
    key.bytes().all(|byte| byte.is_ascii_digit()).then(|| key.parse().ok()).flatten()
}

/// Fields of vLLM that change an answer, and that no engine here honours.
fn refuse_unsupported(fields: &mut Fields) -> Result<(), ApiError> {
    for name in ["allowed_token_ids", "prompt_logprobs", "truncate_prompt_tokens"] {
        if fields.value(name).is_some() {
            return Err(fields.invalid(name, format!("'{name}' is not supported.")));
        }
    }
    Ok(())
}

fn refuse_beams(fields: &mut Fields) -> Result<(), ApiError> {
    let width = fields.count("beam_width", 0)?;
    let searched = matches!(fields.value("use_beam_search"), Some(Value::Bool(true)));
    let message = "Beam search is not supported.";
    match width {
        Some(width) if width > 1 => Err(fields.invalid("beam_width", message)),
        _ if searched => Err(fields.invalid("use_beam_search", message)),
        _ => Ok(()),
    }
}
