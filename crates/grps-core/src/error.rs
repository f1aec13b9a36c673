//! The causes of failed requests, for all crates.

use std::fmt;
use std::time::Duration;

use crate::text::bounded_message;

/// Why a request failed. `grps-server` maps each cause to its HTTP, gRPC and GRPS status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The request is malformed or does not fit the model.
    InvalidArgument,
    /// The client has sent no credentials, or unknown ones.
    Unauthenticated,
    /// The client has no permission for the call.
    PermissionDenied,
    /// The model or route does not exist.
    NotFound,
    /// The route does not support the HTTP method.
    MethodNotAllowed,
    /// The request body did not arrive before the timeout.
    RequestTimeout,
    /// The request exceeds the size limit.
    TooLarge,
    /// The route does not support the content type.
    UnsupportedMediaType,
    /// The queue is full; the client can retry later.
    QueueFull,
    /// The client has reached a limit of its own.
    RateLimited,
    /// The client disconnected before the response was ready.
    Cancelled,
    /// The model or user code failed.
    ModelFailed,
    /// An error in the server itself.
    Internal,
    /// The service is draining or not ready.
    Unavailable,
    /// The deadline passed before the response was ready.
    DeadlineExceeded,
    /// The protocol has the call, but this service does not do it.
    Unsupported,
}

impl Cause {
    /// All causes, in the order of the counters.
    pub const ALL: [Self; 16] = [
        Self::InvalidArgument,
        Self::Unauthenticated,
        Self::PermissionDenied,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::QueueFull,
        Self::RateLimited,
        Self::Cancelled,
        Self::ModelFailed,
        Self::Internal,
        Self::Unavailable,
        Self::DeadlineExceeded,
        Self::Unsupported,
    ];

    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidArgument => "invalid_argument",
            Self::Unauthenticated => "unauthenticated",
            Self::PermissionDenied => "permission_denied",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::RequestTimeout => "request_timeout",
            Self::TooLarge => "too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::QueueFull => "queue_full",
            Self::RateLimited => "rate_limited",
            Self::Cancelled => "cancelled",
            Self::ModelFailed => "model_failed",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Unsupported => "unsupported",
        }
    }
}

/// The error of a failed request: its cause, and one line with the reason and the fix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    cause: Cause,
    message: String,
    status: Option<u16>,
    retry_after: Option<Duration>,
    has_begun: bool,
}

impl Error {
    /// Creates an error with a cause and a one-line message, of which at most 8 KiB are kept.
    pub fn new(cause: Cause, message: impl Into<String>) -> Self {
        let message = bounded_message(message.into());
        Self { cause, message, status: None, retry_after: None, has_begun: false }
    }

    /// An invalid request to which user code gave an HTTP status, 400 to 499. The cause has 400 anyway.
    pub fn refused(message: impl Into<String>, status: u16) -> Self {
        let status = Some(status).filter(|status| (401..500).contains(status));
        Self { status, ..Self::invalid(message) }
    }

    /// Shorthand for [`Cause::InvalidArgument`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Cause::InvalidArgument, message)
    }

    /// The cause.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// The HTTP status that user code chose instead of that of the cause.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// The same error, which says when the request may succeed.
    #[must_use]
    pub fn with_retry_after(self, after: Duration) -> Self {
        Self { retry_after: Some(after), ..self }
    }

    /// The time after which the same request may succeed, if it is known.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The same error, of a request of which a model has run already.
    #[must_use]
    pub fn of_begun(self) -> Self {
        Self { has_begun: true, ..self }
    }

    /// Whether a model has run already, so that the request must not be repeated without its client.
    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// The one-line message.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
