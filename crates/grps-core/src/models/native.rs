//! Models that need no instance: they answer on the thread that serves the request.

use std::fmt::Debug;

use crate::error::Error;
use crate::request::content::Content;

/// A model in native code that answers in microseconds and never waits, so that handing a request
/// to another thread would cost more than the answer.
pub trait NativeInferer: Debug + Send + Sync {
    /// Answers one request.
    ///
    /// # Errors
    /// Whatever is wrong with the input.
    fn infer(&self, input: Content) -> Result<Content, Error>;
}

/// Answers with the request itself: what a service costs without a model.
#[derive(Clone, Copy, Debug)]
pub struct Identity;

impl NativeInferer for Identity {
    fn infer(&self, input: Content) -> Result<Content, Error> {
        Ok(input)
    }
}
