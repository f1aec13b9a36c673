//! What is known of an answer before its first token.

/// The beginning of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerHead {
    /// Unique among requests; all identifiers of the answer are made from it.
    pub request_id: String,
    /// Seconds since 1970.
    pub created: u64,
    /// The model as the client named it.
    pub model: String,
    /// Tokens of all prompts.
    pub prompt_tokens: u32,
    /// Those of them that were in a cache.
    pub cached_tokens: u32,
}

impl AnswerHead {
    pub(crate) fn chat_id(&self) -> String {
        format!("chatcmpl-{}", self.request_id)
    }

    pub(crate) fn completion_id(&self) -> String {
        format!("cmpl-{}", self.request_id)
    }

    pub(crate) fn response_id(&self) -> String {
        format!("resp_{}", self.request_id)
    }

    pub(crate) fn message_id(&self) -> String {
        format!("msg_{}", self.request_id)
    }
}
