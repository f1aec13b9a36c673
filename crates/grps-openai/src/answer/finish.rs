//! How a choice ends, and what an answer has used.

use serde_json::{Value, json};

use super::head::AnswerHead;

/// Why a generation ended. A generation that was aborted has no reason: its stream fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// By the model, or by a string or token that ends it.
    Stop,
    /// By `max_tokens` or the length of the context.
    Length,
    /// The content is not shown.
    ContentFilter,
}

/// The end of a choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finish {
    /// Why it ended.
    pub reason: FinishReason,
    /// The string of the request that ended it.
    pub stop_string: Option<String>,
    /// Tokens that were generated.
    pub completion_tokens: u32,
    /// Those of them that are reasoning.
    pub reasoning_tokens: u32,
}

impl Finish {
    /// The reason in chats; a choice that called tools ended because of that.
    pub(crate) fn openai_reason(&self, has_calls: bool) -> &'static str {
        match self.reason {
            FinishReason::Stop if has_calls => "tool_calls",
            FinishReason::Stop => "stop",
            FinishReason::Length => "length",
            FinishReason::ContentFilter => "content_filter",
        }
    }

    /// The reason in messages.
    pub(crate) fn anthropic_reason(&self, has_calls: bool) -> &'static str {
        match self.reason {
            FinishReason::Stop if has_calls => "tool_use",
            FinishReason::Stop if self.stop_string.is_some() => "stop_sequence",
            FinishReason::Stop => "end_turn",
            FinishReason::Length => "max_tokens",
            FinishReason::ContentFilter => "refusal",
        }
    }

    /// The status of a response and why it is not complete.
    pub(crate) fn response_status(&self) -> (&'static str, Value) {
        match self.reason {
            FinishReason::Stop => ("completed", Value::Null),
            FinishReason::Length => ("incomplete", json!({"reason": "max_output_tokens"})),
            FinishReason::ContentFilter => ("incomplete", json!({"reason": "content_filter"})),
        }
    }
}

/// Tokens of all prompts and all choices of an answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    prompt: u64,
    cached: u64,
    completion: u64,
    reasoning: u64,
}

impl Totals {
    pub(crate) fn new(head: &AnswerHead) -> Self {
        let (prompt, cached) = (u64::from(head.prompt_tokens), u64::from(head.cached_tokens));
        Self { prompt, cached: cached.min(prompt), completion: 0, reasoning: 0 }
    }

    pub(crate) fn add(&mut self, finish: &Finish) {
        self.completion += u64::from(finish.completion_tokens);
        self.reasoning += u64::from(finish.reasoning_tokens);
    }

    pub(crate) fn chat(&self) -> Value {
        json!({
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "prompt_tokens_details": {"cached_tokens": self.cached},
            "completion_tokens_details": {"reasoning_tokens": self.reasoning},
        })
    }

    pub(crate) fn response(&self) -> Value {
        json!({
            "input_tokens": self.prompt,
            "input_tokens_details": {"cached_tokens": self.cached},
            "output_tokens": self.completion,
            "output_tokens_details": {"reasoning_tokens": self.reasoning},
            "total_tokens": self.prompt + self.completion,
        })
    }

    /// Tokens from a cache are not among the input tokens here.
    pub(crate) fn message(&self) -> Value {
        json!({
            "input_tokens": self.prompt - self.cached,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": self.cached,
            "output_tokens": self.completion,
        })
    }
}
