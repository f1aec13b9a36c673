//! What native code implements to run a model, and what it sees of the requests.
//!
//! The traits say nothing of where requests come from, so that one inferer runs in a thread of the
//! server and in a worker process, as Python's runners do.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::error::Error;
use crate::request::content::Content;
use crate::request::http_exchange::{HttpReply, RawHttpRequest};
use crate::request::request::Session;
use crate::request::timeline::Timeline;
use crate::tensor::tensor::Tensor;

/// One loaded copy of a model in native code.
///
/// One thread loads it, runs it and drops it.
pub trait NativeInferer {
    /// Runs a batch.
    ///
    /// # Errors
    /// Why the batch failed. A batch of several requests is then run again one by one; a panic and
    /// [`Failure::Instance`] fail the batch and start the instance again.
    fn infer(&mut self, batch: &mut dyn NativeBatch) -> Result<Outputs, Failure>;
}

/// What a run returned.
#[derive(Debug)]
pub enum Outputs {
    /// The outputs of the whole batch; each request gets its rows.
    Tensors(Vec<Tensor>),
    /// Nothing: the inferer has replied to each request by itself.
    Replied,
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The run failed; the copy of the model is as good as before.
    Run(Error),
    /// The copy of the model is unusable, such as after an error of its device.
    Instance(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Run(error)
    }
}

/// Requests that an inferer runs at once; at least one.
pub trait NativeBatch {
    /// The number of requests.
    fn len(&self) -> usize;

    /// Whether there are no requests; there is always one.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows that every output must have; `None` when the only request gets the outputs as they are.
    fn rows(&self) -> Option<usize>;

    /// Takes the joined input, the rows of all requests in the model's order. `None` for messages,
    /// and for requests that do not fit together: these are run one by one.
    fn take_tensors(&mut self) -> Option<Vec<Tensor>>;

    /// The rows of one request in the joined input; `None` where they are not known.
    fn request_rows(&self, index: usize) -> Option<Range<usize>> {
        let _ = index;
        None
    }

    /// The requests in their order.
    fn requests(&mut self) -> Vec<Arc<dyn NativeRequest>>;

    /// Sends every open request its rows of the outputs.
    ///
    /// # Errors
    /// `ModelFailed` when an output has other rows than the input.
    fn reply_tensors(&mut self, outputs: Vec<Tensor>) -> Result<(), Error>;

    /// The open requests, each as a batch of its own.
    ///
    /// # Errors
    /// `Internal` when they can't be had.
    fn singles(&mut self) -> Result<Vec<Box<dyn NativeBatch>>, Error>;
}

/// One request of a batch. Any thread may use it.
pub trait NativeRequest: Send + Sync {
    /// Identifier of the request, for logs.
    fn id(&self) -> &str;

    /// The encoded `GrpsMessage`; `None` for tensors, which are in the batch.
    fn message(&self) -> Option<Bytes>;

    /// Whether a reply reaches no client: one was sent, the client disconnected, or the deadline
    /// passed.
    fn is_cancelled(&self) -> bool;

    /// When the client stops waiting; `None` for no limit, and where it is not known.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// Whether it was not replied to.
    fn is_open(&self) -> bool;

    /// Whether the client requested chunks.
    fn is_streaming(&self) -> bool;

    /// The HTTP request as it came, when the inferer responds to it itself. Such a request takes
    /// chunks in any case.
    fn http_request(&self) -> Option<&RawHttpRequest> {
        None
    }

    /// Sets the response to such a request, in place of an earlier one.
    fn set_http_reply(&self, reply: HttpReply) {
        drop(reply);
    }

    /// Whether no other model runs the request.
    fn is_alone(&self) -> bool {
        self.session().is_none()
    }

    /// What goes on to the request's next model in this process; `None` when there is none.
    fn session(&self) -> Option<&Session> {
        None
    }

    /// Where the steps of the request are noted; `None` where the service is another process.
    fn timeline(&self) -> Option<&Arc<Timeline>> {
        None
    }

    /// Notes that the inferer waits for something else; its silence is no sign of trouble then.
    fn begin_wait(&self) {}

    /// Notes the end of such a wait.
    fn end_wait(&self) {}

    /// Whether an earlier model left something that is in another process.
    fn is_left_elsewhere(&self) -> bool {
        false
    }

    /// Notes that the inferer left something in this process for the next model.
    fn note_left(&self) {}

    /// Sends a chunk, waiting while the client is slow; returns whether the client still receives.
    fn send_chunk(&self, chunk: Content) -> bool;

    /// Ends the stream before the inferer returns.
    fn end_stream(&self);

    /// Sends the outcome; false when one was sent already.
    fn reply(&self, outcome: Result<Content, Error>) -> bool;

    /// Replies to a request whose output went out in chunks.
    fn finish(&self) -> bool {
        self.reply(Ok(Content::Raw(Bytes::new())))
    }
}

/// Where an instance pulls its batches from: the native twin of Python's `Channel`.
pub trait BatchSource {
    /// Waits for requests; `None` once the service or the instance stops. The batch that it returned
    /// last is done then.
    fn next(&mut self) -> Option<Box<dyn NativeBatch>>;
}
