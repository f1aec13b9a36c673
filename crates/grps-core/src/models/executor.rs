//! What runs the calls of a model: one trait for all ways to run them.
//!
//! A [`Model`](crate::Model) submits each call to its executor and awaits the reply. A new way to run
//! calls is one implementation of [`Executor`] and one line where models are built.

use std::fmt::Debug;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::request::content::Content;
use crate::request::reply::{Reply, ReplyReceiver, ReplySender};
use crate::request::request::{Attachment, SchedulingOptions, Session};
use crate::request::stream::ChunkSender;
use crate::request::timeline::Timeline;
use crate::scheduling::batching::{AutoState, BatchCounts};
use crate::scheduling::entry::Entry;
use crate::scheduling::queue_ticket::QueueTicket;
use crate::scheduling::steps::step_counts::StepCounts;
use crate::scheduling::steps::text::StepText;

/// One request's call of a model, as its executor gets it.
#[derive(Debug)]
pub struct Call {
    /// The request that the call is part of.
    pub timeline: Arc<Timeline>,
    /// When the call began.
    pub began: Instant,
    /// Input in the form that the model takes.
    pub content: Content,
    /// Where chunks go; `None` when the client takes one whole output.
    pub stream: Option<ChunkSender>,
    /// What the front end hands to the instances.
    pub attachment: Option<Attachment>,
    /// What goes on to the next model of a graph; `None` when there is only one.
    pub session: Option<Session>,
    /// Urgency, 0 for the most urgent.
    pub priority: usize,
    /// Requests with different keys never share a batch.
    pub batch_key: Option<Arc<str>>,
    /// Whose turn it is when requests wait; `None` for nobody in particular.
    pub client: Option<IpAddr>,
    /// When the client stops waiting; `None` for no limit.
    pub deadline: Option<Instant>,
}

impl Call {
    /// A call that begins now: one whole output, nothing attached, nothing carried to a next model.
    pub fn new(timeline: Arc<Timeline>, content: Content, options: &SchedulingOptions) -> Self {
        Self {
            timeline,
            began: Instant::now(),
            content,
            stream: None,
            attachment: None,
            session: None,
            priority: usize::from(options.priority),
            batch_key: options.batch_key.clone(),
            client: options.client,
            deadline: options.deadline.map(tokio::time::Instant::into_std),
        }
    }
}

impl Call {
    /// The call in a queue, with the channel of its reply.
    pub(crate) fn into_entry(self, reply: ReplySender) -> Entry {
        Entry {
            timeline: self.timeline,
            content: self.content,
            reply,
            stream: self.stream,
            attachment: self.attachment,
            session: self.session,
            deadline: self.deadline,
        }
    }
}

/// Runs the calls of one model.
///
/// Chunks go by the channel in the call, the reply by what [`Executor::submit`] returns. Dropping
/// that cancels the call: the client left, or the deadline passed.
pub trait Executor: Debug + Send + Sync {
    /// Takes a call over, without waiting. A call that is refused is done at once, with the error.
    fn submit(&self, call: Call) -> Submission;

    /// What keeps it from running calls, as one line; `None` when nothing does.
    fn trouble(&self) -> Option<String>;

    /// Refuses new calls and finishes those it has.
    fn close(&self);

    /// Whether new calls are refused.
    fn is_closed(&self) -> bool;

    /// What makes the text of its sequences, and tokens of text; `None` for most models.
    fn text(&self) -> Option<&Arc<dyn StepText>> {
        None
    }

    /// Whether it takes its input in either form, so that it is not translated.
    fn takes_any_form(&self) -> bool {
        false
    }

    /// Whether calls run on the thread that submits them: then there is no queue and no instance.
    fn is_inline(&self) -> bool {
        false
    }

    /// Calls that wait to be run.
    fn queue_length(&self) -> usize {
        0
    }

    /// Instances that are attached.
    fn instances(&self) -> usize {
        0
    }

    /// How often instances were started again after they had failed.
    fn restarts(&self) -> u64 {
        0
    }

    /// How long instances have worked, all together.
    fn busy_time(&self) -> Duration {
        Duration::ZERO
    }

    /// What was run together; `None` for an executor without batches.
    fn batch_counts(&self) -> Option<&BatchCounts> {
        None
    }

    /// What `batching: auto` has learned and chosen; `None` for fixed sizes of batches.
    fn auto_batching(&self) -> Option<AutoState> {
        None
    }

    /// What was stepped; `None` for an executor without steps.
    fn step_counts(&self) -> Option<&StepCounts> {
        None
    }
}

/// What became of a submitted call.
#[derive(Debug)]
pub enum Submission {
    /// It ran on the calling thread, or was refused: no channel was needed.
    Done(Reply),
    /// Its reply comes later.
    Pending(PendingReply),
}

impl Submission {
    /// A refused call.
    pub fn refused(error: Error) -> Self {
        Self::Done(Reply { outcome: Err(error), timings: None })
    }
}

/// The reply of a call that waits or runs; dropping it cancels the call.
#[derive(Debug)]
pub struct PendingReply {
    /// Where the reply comes from.
    source: Source,
    /// Takes the call out of its queue; `None` for an executor without a queue of its own.
    ticket: Option<QueueTicket>,
}

/// Where a reply comes from.
enum Source {
    /// The other end of the channel that the executor replies by.
    Channel(ReplyReceiver),
    /// What runs the call.
    Running(Pin<Box<dyn Future<Output = Reply> + Send>>),
}

impl Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Channel(receiver) => f.debug_tuple("Channel").field(receiver).finish(),
            Self::Running(_) => f.write_str("Running"),
        }
    }
}

impl PendingReply {
    /// The reply of a call that can't be withdrawn from a queue.
    pub fn new(receiver: ReplyReceiver) -> Self {
        Self { source: Source::Channel(receiver), ticket: None }
    }

    /// The reply of a call that waits in a queue.
    pub fn queued(receiver: ReplyReceiver, ticket: QueueTicket) -> Self {
        Self { source: Source::Channel(receiver), ticket: Some(ticket) }
    }

    /// The reply of a call that this future runs, where the request waits for it.
    pub fn running(call: impl Future<Output = Reply> + Send + 'static) -> Self {
        Self { source: Source::Running(Box::pin(call)), ticket: None }
    }

    /// Takes the call out of its queue; false when it is in none, or has left it.
    pub(crate) fn withdraw(&mut self) -> bool {
        self.ticket.take().is_some_and(QueueTicket::withdraw)
    }
}

impl Future for PendingReply {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Reply> {
        let polled = match &mut self.source {
            Source::Channel(receiver) => Pin::new(receiver).poll(context),
            Source::Running(call) => call.as_mut().poll(context),
        };
        if polled.is_ready()
            && let Some(ticket) = self.ticket.take()
        {
            ticket.release();
        }
        polled
    }
}

#[cfg(test)]
#[path = "executor_tests.rs"]
mod tests;
