//! Continuous batching: sequences of steps that join and leave a running batch between two steps.
//!
//! [`scheduler`] decides, on a clock that the caller brings; [`step_queue`] connects it to calls and
//! [`step_puller`] to instances.

pub(crate) mod cache_use;
pub(crate) mod collected;
pub(crate) mod lost_sequences;
pub(crate) mod plan;
pub(crate) mod policy;
pub(crate) mod rows;
pub(crate) mod scheduler;
pub(crate) mod sequence;
pub(crate) mod step_counts;
pub(crate) mod step_item;
pub(crate) mod step_puller;
pub(crate) mod step_queue;
pub(crate) mod text;
pub(crate) mod waiting;

#[cfg(test)]
mod order;
#[cfg(test)]
mod properties;
