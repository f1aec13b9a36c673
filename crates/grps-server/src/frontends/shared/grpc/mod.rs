//! What the front ends over gRPC share: framing, compression and deadlines.
//!
//! A message is read into one buffer, of which tensors are slices, and leaves as a list of buffers.

pub(crate) mod compression;
mod joined;
pub(crate) mod reader;
pub(crate) mod response;
pub(crate) mod response_coding;
pub(crate) mod service;
pub(crate) mod timeout;
pub(crate) mod unary;

/// Bytes before each message: the compression flag and the length.
pub(crate) const PREFIX_BYTES: usize = 5;
