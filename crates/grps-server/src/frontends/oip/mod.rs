//! The Open Inference Protocol, version 2: what clients of KServe and Triton send.
//!
//! `inference` has requests and responses in memory, `service` what is said of the service and its
//! models; `http` is the way over HTTP.

pub(crate) mod http;
pub(crate) mod inference;
pub(crate) mod service;
