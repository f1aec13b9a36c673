//! The one list of reasons why a request can fail.

use std::fmt;

/// Why a request failed. `grps-server` maps each cause to its HTTP, gRPC and GRPS status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The request is malformed or does not fit the model.
    InvalidArgument,
    /// The caller may not do this.
    PermissionDenied,
    /// No such model or route.
    NotFound,
    /// The route exists, but not for this method.
    MethodNotAllowed,
    /// The request did not arrive completely in time.
    RequestTimeout,
    /// The request is larger than the limit.
    TooLarge,
    /// The content type is not one the route reads.
    UnsupportedMediaType,
    /// The queue is full; trying again later can help.
    QueueFull,
    /// The client left before the answer was ready.
    Cancelled,
    /// The model or the user's code failed.
    ModelFailed,
    /// A fault of the server itself.
    Internal,
    /// The service is draining or not ready.
    Unavailable,
    /// The deadline passed before the answer was ready.
    DeadlineExceeded,
}

impl Cause {
    /// All causes, in the order they are counted.
    pub const ALL: [Self; 13] = [
        Self::InvalidArgument,
        Self::PermissionDenied,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::QueueFull,
        Self::Cancelled,
        Self::ModelFailed,
        Self::Internal,
        Self::Unavailable,
        Self::DeadlineExceeded,
    ];

    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidArgument => "invalid_argument",
            Self::PermissionDenied => "permission_denied",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::RequestTimeout => "request_timeout",
            Self::TooLarge => "too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::QueueFull => "queue_full",
            Self::Cancelled => "cancelled",
            Self::ModelFailed => "model_failed",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
            Self::DeadlineExceeded => "deadline_exceeded",
        }
    }
}

/// A failed request: the cause and one line that says what was wrong and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    cause: Cause,
    message: String,
}

impl Error {
    /// An error with this cause and one-line message.
    pub fn new(cause: Cause, message: impl Into<String>) -> Self {
        Self { cause, message: message.into() }
    }

    /// Shorthand for [`Cause::InvalidArgument`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Cause::InvalidArgument, message)
    }

    /// The cause.
    pub fn cause(&self) -> Cause {
        self.cause
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
