//! The Open Inference Protocol, version 2: what clients of KServe and Triton send.
//!
//! `inference` has requests and responses in memory, `service` what is said of the service and its
//! models, `shared_memory` the regions of clients; `http` and `grpc` are the ways in.

pub(crate) mod grpc;
pub(crate) mod http;
pub(crate) mod inference;
pub(crate) mod service;
pub(crate) mod shared_memory;
