//! What operators may do, and who may do it.

pub(crate) mod commands;
pub(crate) mod model_metadata;
pub(crate) mod readiness;
