//! What is counted of a caller.

use std::sync::atomic::{AtomicU64, Ordering};

/// A limit of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LimitKind {
    /// Requests in a second.
    RequestsPerSecond,
    /// Requests in a minute.
    RequestsPerMinute,
    /// Tokens in a minute.
    TokensPerMinute,
    /// Requests at once.
    Concurrency,
}

impl LimitKind {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [
        Self::RequestsPerSecond,
        Self::RequestsPerMinute,
        Self::TokensPerMinute,
        Self::Concurrency,
    ];

    /// Its key in the configuration.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RequestsPerSecond => "max_requests_per_second",
            Self::RequestsPerMinute => "max_requests_per_minute",
            Self::TokensPerMinute => "max_tokens_per_minute",
            Self::Concurrency => "max_concurrency",
        }
    }
}

/// Counters of a caller.
#[derive(Debug, Default)]
pub(crate) struct CallerStats {
    /// Tokens of prompts.
    prompt_tokens: AtomicU64,
    /// Tokens that were generated.
    generated_tokens: AtomicU64,
    /// Requests that a limit refused, by the limit.
    refused: [AtomicU64; LimitKind::ALL.len()],
}

impl CallerStats {
    pub(super) fn add_prompt(&self, tokens: u64) {
        self.prompt_tokens.fetch_add(tokens, Ordering::Relaxed);
    }

    pub(super) fn add_generated(&self, tokens: u64) {
        self.generated_tokens.fetch_add(tokens, Ordering::Relaxed);
    }

    pub(super) fn add_refused(&self, kind: LimitKind) {
        if let Some(count) = self.refused.get(kind as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Tokens of prompts.
    pub(crate) fn prompt_tokens(&self) -> u64 {
        self.prompt_tokens.load(Ordering::Relaxed)
    }

    /// Tokens that were generated.
    pub(crate) fn generated_tokens(&self) -> u64 {
        self.generated_tokens.load(Ordering::Relaxed)
    }

    /// Requests that a limit refused.
    pub(crate) fn refused(&self, kind: LimitKind) -> u64 {
        self.refused.get(kind as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }
}
