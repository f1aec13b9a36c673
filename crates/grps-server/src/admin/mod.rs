//! What operators may do, and who may do it.

pub(crate) mod access;
pub(crate) mod commands;
pub(crate) mod metadata;
