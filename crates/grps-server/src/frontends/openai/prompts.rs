//! From messages or text to the tokens of a prompt.

use grps_chat::{ChatError, PromptOptions};
use grps_core::{Cause, Error};
use grps_openai::{ApiError, Generation, Prompt, TemplateOptions};
use serde_json::Value;

use crate::call::call::Call;
use crate::frontends::openai::api::Api;
use crate::frontends::openai::errors::Fault;
use crate::frontends::openai::language::Language;
use crate::frontends::openai::received::TOKENIZING;
use crate::frontends::openai::tools::Tools;

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
pub(super) async fn encode_all(
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
    let begun = tools.guide.as_ref().map_or("", |guide| guide.before);
    let mut encoded = Vec::with_capacity(generation.prompts.len());
    for prompt in &generation.prompts {
        let source = Source { prompt, options: &generation.template, tools: &tools.shown, begun };
        let prompt = encode(call, language, &source, true).await?;
        check_length(language, api, generation, &prompt)?;
        encoded.push(prompt);
    }
    Ok(encoded)
}

/// Encodes one prompt. Special tokens of the tokenizer are added to text, not to messages, whose
/// template has them.
///
/// # Errors
/// The template refuses the messages.
pub(super) async fn encode(
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
        Prompt::Messages(messages) => (render(call, language, messages, source).await?, false),
    };
    let read = || match source.begun {
        "" => language.text().encode(&text, adds_special),
        begun => language.text().encode(&[&text, begun].concat(), adds_special),
    };
    let tokens = call.app.blocking.run(text.len().saturating_mul(TOKENIZING), read).await?;
    Ok(Encoded { tokens, text })
}

async fn render(
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
    let rendered = match language.chat(call)?.template.render(messages.to_vec(), &options) {
        Ok(rendering) => rendering.wait().await,
        Err(error) => Err(error),
    };
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
