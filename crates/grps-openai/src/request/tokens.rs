//! `/tokenize` and `/detokenize`, as vLLM has them.

use super::chat::read_template;
use super::chat_messages::read_chat_messages;
use super::generation::{Prompt, TemplateOptions};
use super::tools::{Tool, read_chat_tool, read_tools};
use crate::error::ApiError;
use crate::limits::Limits;
use crate::reading::{Fields, expect_tokens};

/// A checked request for the tokens of a prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Tokenize {
    /// The model, if the client named one.
    pub model: Option<String>,
    /// Text or messages.
    pub prompt: Prompt,
    /// The tokenizer adds its special tokens; for messages only if it is asked for, as templates
    /// have them.
    pub add_special_tokens: bool,
    /// The text of each token is wanted too.
    pub return_token_strings: bool,
    /// How messages become a prompt.
    pub template: TemplateOptions,
    /// Tools that the template shows.
    pub tools: Vec<Tool>,
}

/// A checked request for the text of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detokenize {
    /// The model, if the client named one.
    pub model: Option<String>,
    /// The tokens, which may be none.
    pub tokens: Vec<u32>,
}

/// Reads a request for the tokens of a prompt.
///
/// # Errors
///
/// The body is too large, not JSON, or a field has a wrong value, which the error names.
pub fn read_tokenize(body: &[u8], limits: &Limits) -> Result<Tokenize, ApiError> {
    let mut fields = Fields::read(body, limits)?;
    let model = fields.string("model")?;
    let is_chat = fields.has("messages");
    let prompt = match fields.string("prompt")? {
        Some(_) if is_chat => {
            let message = "Only one of 'prompt' and 'messages' is allowed.";
            return Err(fields.invalid("prompt", message));
        }
        Some(text) => Prompt::Text(text),
        None if is_chat => Prompt::Messages(read_chat_messages(&mut fields)?.0),
        None => return Err(fields.missing("prompt")),
    };
    Ok(Tokenize {
        model,
        prompt,
        add_special_tokens: fields.boolean("add_special_tokens")?.unwrap_or(!is_chat),
        return_token_strings: fields.boolean("return_token_strs")?.unwrap_or(false),
        template: read_template(&mut fields)?,
        tools: read_tools(&mut fields, limits, read_chat_tool)?,
    })
}

/// Reads a request for the text of tokens.
///
/// # Errors
///
/// As [`read_tokenize`].
pub fn read_detokenize(body: &[u8], limits: &Limits) -> Result<Detokenize, ApiError> {
    let mut fields = Fields::read(body, limits)?;
    let model = fields.string("model")?;
    let values = fields.array("tokens")?.ok_or_else(|| fields.missing("tokens"))?;
    let tokens = if values.is_empty() { Vec::new() } else { expect_tokens(&values, "tokens")? };
    Ok(Detokenize { model, tokens })
}
