//! The Open Inference Protocol v2.

pub(crate) mod shared_memory;
