//! From messages or text to the tokens of a prompt.

use std::time::Duration;

use grps_chat::{ChatError, PromptOptions};
use grps_core::{Cause, Error};
use grps_openai::{ApiError, Generation, Prompt, TemplateOptions};
use serde_json::Value;

use crate::call::call::Call;
use crate::frontends::openai::api::Api;
use crate::frontends::openai::errors::Fault;
use crate::frontends::openai::language::Language;
use crate::frontends::openai::tools::Tools;

/// Most prompts are rendered within this time; for others, another thread takes over the
/// connections of this thread.
const QUICK: Duration = Duration::from_millis(2);

/// A prompt as the model takes it.
pub(super) struct Encoded {
    pub(super) tokens: Vec<u32>,
    /// Its text, without what the answer is begun with; empty for a prompt that came as tokens.
    pub(super) text: String,
}

/// What a prompt is made of.
pub(super) struct Source<'a> {
    pub(super) prompt: &'a Prompt,
    pub(super) options: &'a TemplateOptions,
    /// Tools that it shows.
    pub(super) tools: &'a [Value],
    /// The beginning of the answer that the model is given.
    pub(super) begun: &'static str,
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
    tools: &Tools,
) -> Result<Vec<Encoded>, Fault> {
    if !generation.media.is_empty() {
        let message = "The model takes no images and no sounds.";
        return Err(ApiError::invalid(api.prompt_field(), message).into());
    }
    let prompts = generation.prompts.iter().map(|prompt| {
        let begun = tools.guide.as_ref().map_or("", |guide| guide.before);
        let source = Source { prompt, options: &generation.template, tools: &tools.shown, begun };
        let encoded = encode(call, language, &source, true)?;
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
    source: &Source<'_>,
    adds_special: bool,
) -> Result<Encoded, Fault> {
    let (text, adds_special) = match source.prompt {
        Prompt::Tokens(tokens) => {
            return Ok(Encoded { tokens: tokens.clone(), text: String::new() });
        }
        Prompt::Text(text) => (text.clone(), adds_special),
        Prompt::Messages(messages) => (render(call, language, messages, source)?, false),
    };
    let tokens = match source.begun {
        "" => language.text().encode(&text, adds_special)?,
        begun => language.text().encode(&[&text, begun].concat(), adds_special)?,
    };
    Ok(Encoded { tokens, text })
}

fn render(
    call: &Call,
    language: &Language,
    messages: &[Value],
    source: &Source<'_>,
) -> Result<String, Fault> {
    let options = source.options;
    if options.continue_final_message {
        let message = "The last message can't be continued.";
        return Err(ApiError::invalid("continue_final_message", message).into());
    }
    let options = PromptOptions {
        tools: source.tools,
        documents: &[],
        add_generation_prompt: options.add_generation_prompt,
        variables: Some(&options.arguments),
    };
    let rendering = language.chat(call)?.template.render(messages.to_vec(), &options);
    let rendered = rendering.and_then(|rendering| match rendering.wait_for(QUICK) {
        Some(rendered) => rendered,
        None => call.app.blocking.block(|| rendering.wait()),
    });
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
