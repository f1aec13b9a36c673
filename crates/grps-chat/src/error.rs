//! Why a template, a prompt or a choice of tools is refused.

/// The text names the value and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChatError {
    /// The template can't be parsed.
    #[error("chat template: {message}{}", at_line(*line))]
    Syntax {
        /// What is wrong.
        message: String,
        /// Line of the template, from 1.
        line: Option<usize>,
    },
    /// The template fails for a reason of its own: a missing value or a wrong type.
    #[error("chat template: {message}{}", at_line(*line))]
    Render {
        /// What is wrong.
        message: String,
        /// Line of the template, from 1.
        line: Option<usize>,
    },
    /// The template refuses the messages by `raise_exception`.
    #[error("{0}")]
    Refused(String),
    /// The template needs more steps than are allowed.
    #[error("the chat template takes too many steps for these messages")]
    TooManySteps,
    /// The template took too long, for these messages or for earlier ones.
    #[error(
        "the chat template took longer than {limit_ms} ms for a prompt, and others are refused \
         while it goes on; if it never ends, give the model another template and load it again"
    )]
    TimedOut {
        /// The limit of a [`TemplateThread`](crate::TemplateThread).
        limit_ms: u128,
    },
    /// There is no thread for the template.
    #[error("the thread of the chat template: {0}")]
    Thread(String),
    /// The prompt would be too long.
    #[error("the prompt has more than {limit} bytes")]
    PromptTooLong {
        /// [`MAX_PROMPT_BYTES`](crate::MAX_PROMPT_BYTES).
        limit: usize,
    },
    /// A message has a form that no template takes.
    #[error("messages[{index}]: {message}")]
    Message {
        /// Its position, from 0.
        index: usize,
        /// What is wrong.
        message: String,
    },
    /// The configuration of the tokenizer can't be used.
    #[error("tokenizer_config.json: {0}")]
    Configuration(String),
    /// The choice of tools does not fit the tools.
    #[error("tool_choice: {0}")]
    ToolChoice(String),
}

impl ChatError {
    /// Whether the request is wrong, rather than the model's files.
    #[must_use]
    pub fn is_of_request(&self) -> bool {
        match self {
            Self::Refused(_)
            | Self::PromptTooLong { .. }
            | Self::Message { .. }
            | Self::ToolChoice(_) => true,
            Self::Syntax { .. }
            | Self::Render { .. }
            | Self::TooManySteps
            | Self::TimedOut { .. }
            | Self::Thread(_)
            | Self::Configuration(_) => false,
        }
    }
}

fn at_line(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(" (line {line})"))
}
