//! A decoded request on its way into the engine.

use std::sync::Arc;

use tokio::time::Instant;

use crate::content::Content;

/// What the engine needs to know of a request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Identifier that appears in the answer and in every log line about the request.
    pub id: Arc<str>,
    /// The input.
    pub content: Content,
    /// When the client stops waiting; `None` for no limit.
    pub deadline: Option<Instant>,
}
