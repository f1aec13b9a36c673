//! The queue of a model whose instances run in processes: of requests, or of a step model's sequences.

use std::sync::Arc;
use std::time::Duration;

use grps_core::{InputForm, Puller, Queue, StepPuller, StepQueue, StepStopper, Stopper};
use grps_worker::{Link, Lost, LostSteps, Served};

/// The queue of a model.
#[derive(Clone)]
pub(crate) enum ServedQueue {
    /// Requests, in the form that the model takes.
    Requests(Arc<Queue>, InputForm),
    /// Sequences of a step model.
    Steps(Arc<StepQueue>),
}

/// An instance's end of it.
pub(crate) enum QueueEnd {
    Requests(Puller, InputForm),
    Steps(Box<StepPuller>),
}

/// Stops one instance while the others continue.
#[derive(Clone)]
pub(crate) enum EndStopper {
    Requests(Stopper),
    Steps(StepStopper),
}

/// What a worker had to do when it ended.
pub(crate) enum LostWork {
    Requests(Lost),
    Steps(LostSteps),
}

impl ServedQueue {
    /// Attaches an instance that is replaced when its process ends.
    pub(crate) fn attach(&self, name: &str) -> QueueEnd {
        match self {
            Self::Requests(queue, form) => QueueEnd::Requests(queue.attach_replaced(name), *form),
            Self::Steps(queue) => QueueEnd::Steps(Box::new(queue.attach_replaced(name))),
        }
    }

    /// Whether it takes nothing more.
    pub(crate) fn is_closed(&self) -> bool {
        match self {
            Self::Requests(queue, _) => queue.is_closed(),
            Self::Steps(queue) => queue.is_closed(),
        }
    }

    /// Whether nothing waits in it.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Requests(queue, _) => queue.is_empty(),
            Self::Steps(queue) => queue.is_empty(),
        }
    }
}

impl QueueEnd {
    /// What stops the instance.
    pub(crate) fn stopper(&self) -> EndStopper {
        match self {
            Self::Requests(puller, _) => EndStopper::Requests(puller.stopper()),
            Self::Steps(puller) => EndStopper::Steps(puller.stopper()),
        }
    }

    /// Lets a worker run what comes, after what an earlier one had not begun; returns what is lost
    /// when it ends, and nothing when the queue closes or the instance stops.
    pub(crate) fn serve(
        &mut self,
        link: &Link,
        again: Option<LostWork>,
        hang_timeout: Option<Duration>,
    ) -> Option<LostWork> {
        match self {
            Self::Requests(puller, form) => {
                let again = again.and_then(LostWork::into_requests);
                match link.serve(puller, *form, again, hang_timeout) {
                    Served::Closed => None,
                    Served::Broken(lost) => Some(LostWork::Requests(lost)),
                }
            }
            Self::Steps(puller) => link.serve_steps(puller, hang_timeout).map(LostWork::Steps),
        }
    }

    /// Detaches an instance that has failed.
    pub(crate) fn fail(self, reason: String) {
        match self {
            Self::Requests(puller, _) => puller.fail(reason),
            Self::Steps(puller) => puller.fail(reason),
        }
    }
}

impl EndStopper {
    /// Lets the instance finish what it has begun.
    pub(crate) fn stop(&self) {
        match self {
            Self::Requests(stopper) => stopper.stop(),
            Self::Steps(stopper) => stopper.stop(),
        }
    }

    /// Ends its wait, as its process has ended.
    pub(crate) fn abandon(&self) {
        match self {
            Self::Requests(stopper) => stopper.stop(),
            Self::Steps(stopper) => stopper.abandon(),
        }
    }
}

impl LostWork {
    /// Whether the worker had begun with it, so that it must not be run again. Sequences that are
    /// not begun wait in their queue, and are not part of it.
    pub(crate) fn begun(&self) -> bool {
        match self {
            Self::Requests(lost) => lost.begun(),
            Self::Steps(_) => true,
        }
    }

    /// Why the worker sends nothing more, seen from the socket.
    pub(crate) fn cause(&self) -> &str {
        match self {
            Self::Requests(lost) => lost.cause(),
            Self::Steps(lost) => &lost.cause,
        }
    }

    /// Fails all that have no reply.
    pub(crate) fn fail(self, cause: &str) {
        match self {
            Self::Requests(lost) => lost.fail(cause),
            Self::Steps(lost) => lost.sequences.fail(cause),
        }
    }

    fn into_requests(self) -> Option<Lost> {
        match self {
            Self::Requests(lost) => Some(lost),
            Self::Steps(_) => None,
        }
    }
}
