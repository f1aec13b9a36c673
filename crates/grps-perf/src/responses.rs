//! What takes the responses of a run.

use bytes::Bytes;

use crate::exchange::failure::{Class, Failure};

/// Takes the responses of a run, from the threads that send. What it does delays the next requests.
pub trait Responses: Send + Sync {
    /// Takes the response to the request of a number: the number of requests that were begun before
    /// it, so that the request itself is this modulo their number.
    fn take(&self, number: u64, response: Result<Bytes, ResponseFailure>);
}

/// A request that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseFailure {
    /// The status of HTTP, or the code in a message, if the server returned one.
    pub status: Option<u16>,
    /// What happened, as one line.
    pub text: String,
}

impl ResponseFailure {
    pub(crate) fn of(failure: &Failure) -> Self {
        let status = match failure.class {
            Class::Http(status) => Some(status),
            Class::Model(code) => u16::try_from(code).ok(),
            _ => None,
        };
        let (class, text) = (failure.class, &failure.text);
        let text = if text.is_empty() { class.to_string() } else { format!("{class}: {text}") };
        Self { status, text }
    }
}
