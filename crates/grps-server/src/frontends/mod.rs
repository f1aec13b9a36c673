//! One folder per protocol: its routes, decoding and encoding.

pub(crate) mod exchange;
pub(crate) mod grpc;
pub(crate) mod http;
