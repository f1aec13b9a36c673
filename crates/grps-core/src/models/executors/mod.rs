//! The ways to run the calls of a model, one a file.

pub(crate) mod inline;
pub(crate) mod pulled;
pub(crate) mod queued;
pub(crate) mod steps;
