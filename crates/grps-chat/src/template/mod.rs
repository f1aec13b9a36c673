//! Prompts from messages by the templates that models come with.

mod chat_template;
mod content;
mod environment;
mod generation_blocks;
mod metered_text;
mod probe;
mod python_filters;
mod python_json;
mod python_methods;
mod python_text;
mod special_tokens;
mod template_thread;
mod tokenizer_config;

pub use chat_template::{ChatTemplate, MAX_PROMPT_BYTES, MAX_TEMPLATE_BYTES, PromptOptions};
pub use special_tokens::SpecialTokens;
pub use template_thread::{Rendering, TemplateThread};
pub use tokenizer_config::ChatTemplates;
