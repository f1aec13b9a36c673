//! From messages or text to the tokens of a prompt.

use grps_chat::{ChatError, PromptOptions};
use grps_core::{Cause, Error};
use grps_openai::{ApiError, Generation, Prompt, TemplateOptions, Tool};
use serde_json::Value;

use crate::call::call::Call;
use crate::frontends::openai::api::Api;
use crate::frontends::openai::errors::Fault;
use crate::frontends::openai::language::Language;

/// A prompt as the model takes it.
pub(super) struct Encoded {
    pub(super) tokens: Vec<u32>,
    /// Its text; empty for a prompt that came as tokens.
    pub(super) text: String,
}

/// Encodes the prompts of a request.
///
/// # Errors
/// The template refuses the messages, or a prompt has no room in the context.
pub(super) fn encode_all(
    call: &Call,
    language: &Language,
    api: Api,
    generation: &Generation,
) -> Result<Vec<Encoded>, Fault> {
    if !generation.media.is_empty() {
        let message = "The model takes no images and no sounds.";
        return Err(ApiError::invalid(api.prompt_field(), message).into());
    }
    let prompts = generation.prompts.iter().map(|prompt| {
        let encoded =
            encode(call, language, prompt, &generation.template, &generation.tools, true)?;
        check_length(language, api, generation, &encoded)?;
        Ok(encoded)
    });
    prompts.collect()
}

/// Encodes one prompt. Special tokens of the tokenizer are added to text, not to messages, whose
/// template has them.
///
/// # Errors
/// The template refuses the messages.
pub(super) fn encode(
    call: &Call,
    language: &Language,
    prompt: &Prompt,
    options: &TemplateOptions,
    tools: &[Tool],
    adds_special: bool,
) -> Result<Encoded, Fault> {
    let (text, adds_special) = match prompt {
        Prompt::Tokens(tokens) => {
            return Ok(Encoded { tokens: tokens.clone(), text: String::new() });
        }
        Prompt::Text(text) => (text.clone(), adds_special),
        Prompt::Messages(messages) => (render(call, language, messages, options, tools)?, false),
    };
    let tokens = language.text().encode(&text, adds_special)?;
    Ok(Encoded { tokens, text })
}

fn render(
    call: &Call,
    language: &Language,
    messages: &[Value],
    options: &TemplateOptions,
    tools: &[Tool],
) -> Result<String, Fault> {
    if options.continue_final_message {
        let message = "The last message can't be continued.";
        return Err(ApiError::invalid("continue_final_message", message).into());
    }
    let tools: Vec<Value> = tools.iter().map(Tool::template_value).collect();
    let options = PromptOptions {
        tools: &tools,
        documents: &[],
        add_generation_prompt: options.add_generation_prompt,
        variables: Some(&options.arguments),
    };
    let rendered = language.chat(call)?.template.render(messages, &options);
    rendered.map_err(|error: ChatError| {
        if error.is_of_request() {
            return ApiError::invalid("messages", error.to_string()).into();
        }
        Error::new(Cause::ModelFailed, error.to_string()).into()
    })
}

fn check_length(
    language: &Language,
    api: Api,
    generation: &Generation,
    encoded: &Encoded,
) -> Result<(), Fault> {
    let (limit, length) = (language.context_length(), encoded.tokens.len());
    if length == 0 {
        return Err(ApiError::invalid(api.prompt_field(), "The prompt has no tokens.").into());
    }
    let wanted = generation.sampling.max_tokens.map_or(1, |most| most as usize);
    if length.saturating_add(wanted) > limit {
        return Err(ApiError::context_length(api.prompt_field(), limit, length, wanted).into());
    }
    Ok(())
}
