//! One request in the queue of one model.

use std::sync::Arc;
use std::time::Instant;

use crate::request::content::Content;
use crate::request::reply::ReplySender;
use crate::request::request::{Attachment, Session};
use crate::request::stream::ChunkSender;
use crate::request::timeline::Timeline;

/// One request in the queue of one model.
#[derive(Debug)]
pub struct Entry {
    /// The request that it is part of.
    pub timeline: Arc<Timeline>,
    /// Input in the form that the model takes.
    pub content: Content,
    /// Where the outcome goes.
    pub reply: ReplySender,
    /// Where chunks go; `None` when the client takes one whole output.
    pub stream: Option<ChunkSender>,
    /// What the front end hands to the instances.
    pub attachment: Option<Attachment>,
    /// What goes on to the next model of a graph; `None` when there is only one.
    pub session: Option<Session>,
    /// When the client stops waiting; `None` for no limit.
    pub deadline: Option<Instant>,
}
