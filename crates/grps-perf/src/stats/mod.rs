//! What is measured.

pub(crate) mod progress;
pub(crate) mod recorder;
pub(crate) mod report;
