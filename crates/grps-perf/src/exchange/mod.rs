//! One request and its response over a connection.

pub(crate) mod brpc;
pub(crate) mod connection;
mod events;
pub(crate) mod failure;
mod grpc;
mod http;
pub(crate) mod prepared;
pub(crate) mod socket;
pub(crate) mod watch;
mod wire;
