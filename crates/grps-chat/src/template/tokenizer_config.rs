//! The templates of a model: one, or several by name.

use serde_json::{Map, Value};

use super::{ChatTemplate, SpecialTokens};
use crate::error::ChatError;

/// The templates of a model. Most models have one; some have another for requests with tools.
#[derive(Clone, Debug)]
pub struct ChatTemplates {
    default: ChatTemplate,
    tool_use: Option<ChatTemplate>,
}

impl ChatTemplates {
    /// Takes the only template of a model.
    #[must_use]
    pub fn new(default: ChatTemplate) -> Self {
        Self { default, tool_use: None }
    }

    /// Reads the files of a model: the text of `tokenizer_config.json`, and that of
    /// `chat_template.jinja` where there is one, which comes first.
    ///
    /// # Errors
    ///
    /// A configuration that is no JSON object or has no template, or a template with errors.
    pub fn from_files(config: &str, template: Option<&str>) -> Result<Self, ChatError> {
        let config: Map<String, Value> = serde_json::from_str(config)
            .map_err(|error| ChatError::Configuration(error.to_string()))?;
        let tokens = SpecialTokens::from_config(&config);
        if let Some(source) = template {
            return ChatTemplate::parse(source, tokens).map(Self::new);
        }
        match config.get("chat_template") {
            Some(Value::String(source)) => ChatTemplate::parse(source, tokens).map(Self::new),
            Some(Value::Array(named)) => Self::of_named(named, &tokens),
            Some(_) => {
                let message = "chat_template is neither a text nor a list of named templates";
                Err(ChatError::Configuration(message.into()))
            }
            None => Err(ChatError::Configuration("no chat_template".into())),
        }
    }

    fn of_named(named: &[Value], tokens: &SpecialTokens) -> Result<Self, ChatError> {
        let parse = |name: &str| {
            let entry = named.iter().find(|entry| entry["name"] == name);
            let source = entry.and_then(|entry| entry["template"].as_str());
            source.map(|source| ChatTemplate::parse(source, tokens.clone())).transpose()
        };
        let missing = || ChatError::Configuration("chat_template has none named default".into());
        Ok(Self { default: parse("default")?.ok_or_else(missing)?, tool_use: parse("tool_use")? })
    }

    /// The template of a request.
    #[must_use]
    pub fn choose(&self, with_tools: bool) -> &ChatTemplate {
        self.tool_use.as_ref().filter(|_| with_tools).unwrap_or(&self.default)
    }
}
