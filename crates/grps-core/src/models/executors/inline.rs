//! Native code that runs on the thread that serves the request.

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::error::{Cause, Error};
use crate::models::executor::{Call, Executor, Submission};
use crate::request::content::Content;
use crate::request::reply::Reply;
use crate::request::timeline::{BatchInfo, CallTimings};

/// A model in native code that runs for microseconds and never waits: handing a request to another
/// thread would cost more than the run.
pub trait InlineInferer: Debug + Send + Sync {
    /// Runs one request.
    ///
    /// # Errors
    /// Whatever is wrong with the input.
    fn infer(&self, input: Content) -> Result<Content, Error>;

    /// Whether it takes its input in either form.
    fn takes_any_form(&self) -> bool {
        false
    }
}

/// Returns its input: what a service costs without a model.
#[derive(Clone, Copy, Debug)]
pub struct Identity;

impl InlineInferer for Identity {
    fn infer(&self, input: Content) -> Result<Content, Error> {
        Ok(input)
    }

    fn takes_any_form(&self) -> bool {
        true
    }
}

/// Runs an [`InlineInferer`] on the calling thread.
#[derive(Debug)]
pub struct InlineExecutor {
    /// What runs.
    inferer: Box<dyn InlineInferer>,
    /// Set once; new calls are then refused.
    closed: AtomicBool,
}

impl InlineExecutor {
    /// An executor of this inferer.
    pub fn new(inferer: Box<dyn InlineInferer>) -> Self {
        Self { inferer, closed: AtomicBool::new(false) }
    }
}

impl Executor for InlineExecutor {
    fn submit(&self, call: Call) -> Submission {
        if self.is_closed() {
            let error = Error::new(Cause::Unavailable, "the model takes no more requests");
            return Submission::refused(error);
        }
        let outcome = self.inferer.infer(call.content);
        let timings = CallTimings::begin(call.began, None, BatchInfo::of(1, 1, None));
        Submission::Done(Reply { outcome, timings: Some(timings.ended(Instant::now())) })
    }

    fn trouble(&self) -> Option<String> {
        None
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn is_inline(&self) -> bool {
        true
    }

    fn takes_any_form(&self) -> bool {
        self.inferer.takes_any_form()
    }
}
