//! A request for generated text, whatever API it came by.

use serde_json::{Map, Value};

use super::media::Media;
use super::output_format::OutputFormat;
use super::sampling::Sampling;
use super::tools::{Tool, ToolChoice};
use crate::error::ApiError;
use crate::reading::Fields;

/// What text is generated from.
#[derive(Clone, Debug, PartialEq)]
pub enum Prompt {
    /// Messages of a chat, in the form that chat templates take: `role` (system, user, assistant
    /// or tool) and `content`. The content is a string; if it has media, it is an array of
    /// `{"type": "text", "text": …}`, `{"type": "image"}` and `{"type": "audio"}`.
    ///
    /// A message of the assistant may have `reasoning_content` and `tool_calls` with their
    /// arguments as a string; one of a tool has `tool_call_id`. Any may have `name`.
    Messages(Vec<Value>),
    /// Text as it is.
    Text(String),
    /// Tokens as they are.
    Tokens(Vec<u32>),
}

/// How messages become a prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateOptions {
    /// Values that the template sees, such as `enable_thinking` and `reasoning_effort`.
    pub arguments: Map<String, Value>,
    /// The prompt ends with the beginning of an answer.
    pub add_generation_prompt: bool,
    /// The last message is the beginning of the answer.
    pub continue_final_message: bool,
}

impl Default for TemplateOptions {
    fn default() -> Self {
        let arguments = Map::new();
        Self { arguments, add_generation_prompt: true, continue_final_message: false }
    }
}

/// A checked request for generated text.
#[derive(Clone, Debug, PartialEq)]
pub struct Generation {
    /// The model as the client named it.
    pub model: String,
    /// One, or several of a completion. Choice `c` of prompt `p` has the index `p * choices + c`.
    pub prompts: Vec<Prompt>,
    /// Images and sounds, in the order in which they occur in the messages.
    pub media: Vec<Media>,
    /// How tokens are chosen and when generation ends.
    pub sampling: Sampling,
    /// Choices of each prompt.
    pub choices: u32,
    /// Log probabilities are returned, with those of so many alternatives.
    pub logprobs: Option<u32>,
    /// The answer is a stream.
    pub stream: bool,
    /// A stream ends with the usage.
    pub include_usage: bool,
    /// What the model may call.
    pub tools: Vec<Tool>,
    /// Whether it must.
    pub tool_choice: ToolChoice,
    /// An answer may have several calls.
    pub parallel_tool_calls: bool,
    /// What the text must be.
    pub format: OutputFormat,
    /// How messages become a prompt.
    pub template: TemplateOptions,
    /// A completion begins with its prompt.
    pub echo: bool,
    /// Smaller is sooner; `None` if the client sends none.
    pub priority: Option<i32>,
    /// Who asks, for logs.
    pub user: Option<String>,
    /// What the client notes about the request.
    pub metadata: Map<String, Value>,
}

impl Generation {
    /// A request for one answer, with what all APIs send.
    pub(crate) fn new(fields: &mut Fields) -> Result<Self, ApiError> {
        Ok(Self {
            model: fields.required_string("model")?,
            prompts: Vec::new(),
            media: Vec::new(),
            sampling: Sampling::default(),
            choices: 1,
            logprobs: None,
            stream: fields.boolean("stream")?.unwrap_or(false),
            include_usage: false,
            tools: Vec::new(),
            tool_choice: ToolChoice::None,
            parallel_tool_calls: true,
            format: OutputFormat::Text,
            template: TemplateOptions::default(),
            echo: false,
            priority: read_priority(fields)?,
            user: fields.string("user")?,
            metadata: fields.object("metadata")?.unwrap_or_default(),
        })
    }

    /// Answers of all prompts together.
    #[must_use]
    pub fn total_choices(&self) -> usize {
        self.prompts.len().saturating_mul(self.choices as usize)
    }
}

fn read_priority(fields: &mut Fields) -> Result<Option<i32>, ApiError> {
    let range = i64::from(i32::MIN)..=i64::from(i32::MAX);
    let priority = fields.integer("priority", range)?;
    Ok(priority.and_then(|priority| i32::try_from(priority).ok()))
}
