//! Why a request is refused or fails, and the body of the error in both APIs.

use serde_json::{Value, json};

/// The kinds of errors that both APIs know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A value of the request is wrong.
    InvalidRequest,
    /// The key of the API is missing or wrong.
    Authentication,
    /// The key is right, but not for this.
    Permission,
    /// There is no such model or route.
    NotFound,
    /// The route exists with another method.
    MethodNotAllowed,
    /// The body is larger than allowed.
    TooLarge,
    /// Too many requests, or the queue is full.
    RateLimited,
    /// The server failed.
    Server,
    /// The model can't take requests at present.
    Unavailable,
    /// The deadline of the request has passed.
    Timeout,
}

/// A kind on the wire.
struct Row {
    status: u16,
    openai_type: &'static str,
    openai_code: Option<&'static str>,
    anthropic_type: &'static str,
}

impl ErrorKind {
    /// The one table of statuses, types and codes.
    fn row(self) -> Row {
        let (status, openai_type, openai_code, anthropic_type) = match self {
            Self::InvalidRequest => (400, "invalid_request_error", None, "invalid_request_error"),
            Self::Authentication => {
                (401, "invalid_request_error", Some("invalid_api_key"), "authentication_error")
            }
            Self::Permission => {
                (403, "invalid_request_error", Some("permission_denied"), "permission_error")
            }
            Self::NotFound => (404, "invalid_request_error", None, "not_found_error"),
            Self::MethodNotAllowed => {
                let code = Some("method_not_allowed");
                (405, "invalid_request_error", code, "invalid_request_error")
            }
            Self::TooLarge => {
                (413, "invalid_request_error", Some("request_too_large"), "request_too_large")
            }
            Self::RateLimited => {
                (429, "rate_limit_error", Some("rate_limit_exceeded"), "rate_limit_error")
            }
            Self::Server => (500, "server_error", None, "api_error"),
            Self::Unavailable => (503, "server_error", Some("unavailable"), "overloaded_error"),
            Self::Timeout => (504, "server_error", Some("timeout"), "timeout_error"),
        };
        Row { status, openai_type, openai_code, anthropic_type }
    }
}

/// An error as clients see it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    kind: ErrorKind,
    message: String,
    /// The field of the request that is wrong, as `messages[0].content`.
    param: Option<String>,
    /// More exact than the code of the kind.
    code: Option<&'static str>,
}

impl ApiError {
    /// An error that no field of the request is the cause of.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), param: None, code: None }
    }

    /// A field of the request has a wrong value.
    #[must_use]
    pub fn invalid(param: impl Into<String>, message: impl Into<String>) -> Self {
        let param = Some(param.into());
        Self { kind: ErrorKind::InvalidRequest, message: message.into(), param, code: None }
    }

    /// The model that a request names does not exist. The text lists those that do.
    #[must_use]
    pub fn model_not_found(model: &str, available: &[impl AsRef<str>]) -> Self {
        let names = listed(available);
        let message = format!("The model '{model}' does not exist. Available models: {names}.");
        Self::not_found(message)
    }

    /// The model that a request names generates no text. The text lists those that do; clients see
    /// the same code as for a model that does not exist.
    #[must_use]
    pub fn no_language_model(model: &str, available: &[impl AsRef<str>]) -> Self {
        let names = listed(available);
        let message =
            format!("The model '{model}' is no language model. Language models: {names}.");
        Self::not_found(message)
    }

    fn not_found(message: String) -> Self {
        Self {
            kind: ErrorKind::NotFound,
            message,
            param: Some("model".to_owned()),
            code: Some("model_not_found"),
        }
    }

    /// Prompt and answer together are longer than the context of the model. `param` is the field
    /// of the prompt.
    #[must_use]
    pub fn context_length(param: &str, limit: usize, prompt: usize, max_tokens: usize) -> Self {
        let total = prompt.saturating_add(max_tokens);
        Self {
            kind: ErrorKind::InvalidRequest,
            message: format!(
                "This model's maximum context length is {limit} tokens. However, you requested \
                 {total} tokens ({prompt} in the prompt, {max_tokens} in the completion). Please \
                 reduce the length of the prompt or of the completion."
            ),
            param: Some(param.to_owned()),
            code: Some("context_length_exceeded"),
        }
    }

    /// A text is longer than the model takes. `param` is the field of the text.
    #[must_use]
    pub fn input_length(param: &str, limit: usize, length: usize) -> Self {
        Self {
            kind: ErrorKind::InvalidRequest,
            message: format!(
                "This model takes at most {limit} tokens. However, '{param}' has {length}. Please \
                 reduce its length, or set 'truncate_prompt_tokens' to -1."
            ),
            param: Some(param.to_owned()),
            code: Some("context_length_exceeded"),
        }
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The status of the HTTP response.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.kind.row().status
    }

    /// The text.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The field of the request that is wrong.
    #[must_use]
    pub fn param(&self) -> Option<&str> {
        self.param.as_deref()
    }

    /// The code that programs compare.
    #[must_use]
    pub fn code(&self) -> Option<&'static str> {
        self.code.or(self.kind.row().openai_code)
    }

    /// The body of a response of the OpenAI API.
    #[must_use]
    pub fn openai_body(&self) -> Vec<u8> {
        self.openai_value().to_string().into_bytes()
    }

    /// The body of a response of the Anthropic API.
    #[must_use]
    pub fn anthropic_body(&self) -> Vec<u8> {
        self.anthropic_value().to_string().into_bytes()
    }

    pub(crate) fn openai_value(&self) -> Value {
        json!({"error": {
            "message": self.message,
            "type": self.kind.row().openai_type,
            "param": self.param,
            "code": self.code(),
        }})
    }

    /// The Anthropic shape has no `param`, so the text begins with the field.
    pub(crate) fn anthropic_value(&self) -> Value {
        let message = match &self.param {
            Some(param) if !self.message.contains(&format!("'{param}'")) => {
                format!("{param}: {}", self.message)
            }
            _ => self.message.clone(),
        };
        let kind = self.kind.row().anthropic_type;
        json!({"type": "error", "error": {"type": kind, "message": message}})
    }
}
fn listed(names: &[impl AsRef<str>]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
