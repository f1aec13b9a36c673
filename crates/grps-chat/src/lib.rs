//! Chats with language models: prompts from messages, and parts of answers from generated text.
//!
//! A [`ChatTemplate`] is parsed once per model and writes the prompt of each request. The
//! [`AnswerFormat`] of the model is known from its template. Each answer has an [`AnswerParser`],
//! which turns the generated text, piece by piece, into [`AnswerPart`]s:
//!
//! ```
//! # use grps_chat::{AnswerFormat, AnswerPart, ChatError, ChatTemplate, PromptOptions, SpecialTokens};
//! # fn answer(source: &str, pieces: &[&str]) -> Result<Vec<AnswerPart>, ChatError> {
//! let template = ChatTemplate::parse(source, SpecialTokens::default())?;
//! let messages = [serde_json::json!({"role": "user", "content": "Hello"})];
//! let prompt = template.render(&messages, &PromptOptions::default())?;
//!
//! let format = AnswerFormat::of_template(source);
//! let mut parser = format.parser(&prompt, &[]);
//! let mut parts = Vec::new();
//! for piece in pieces {
//!     parser.push(piece, &mut parts);
//! }
//! parser.finish(&mut parts);
//! # Ok(parts)
//! # }
//! ```
//!
//! The crate knows neither sockets nor engines, and nothing is global. Templates that may not be
//! well-meant are rendered by a [`TemplateThread`].

mod answer;
mod error;
mod part;
mod template;
mod tool_choice;

pub use answer::{AnswerFormat, AnswerParser, ToolFormat};
pub use error::ChatError;
pub use part::AnswerPart;
pub use template::{
    ChatTemplate, ChatTemplates, MAX_PROMPT_BYTES, MAX_TEMPLATE_BYTES, PromptOptions, Rendering,
    SpecialTokens, TemplateThread,
};
pub use tool_choice::{CallGuide, ToolChoice};
