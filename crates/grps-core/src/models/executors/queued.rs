//! What executors with a queue have in common: their errors and their trouble.

use crate::error::{Cause, Error};

/// The error of a call to a model whose queue is closed.
pub(crate) fn closed(model: &str) -> Error {
    Error::new(Cause::Unavailable, format!("model '{model}' takes no more requests"))
}

/// The error of a call that finds the most requests waiting.
pub(crate) fn full(model: &str, most: usize) -> Error {
    let message = format!(
        "model '{model}': {most} requests wait already (queue.max_length); try again later"
    );
    Error::new(Cause::QueueFull, message)
}

/// What keeps a model from running calls: trouble of its instances, or that there are none.
pub(crate) fn trouble_of(model: &str, trouble: Option<String>, pullers: usize) -> Option<String> {
    trouble.or_else(|| (pullers == 0).then(|| format!("model '{model}' has no running instance")))
}
