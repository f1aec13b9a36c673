//! Connections over TCP and TLS that speak HTTP/2.

pub(crate) mod connection;
pub(crate) mod counted;
pub(crate) mod exchange;
pub(crate) mod failure;
pub(crate) mod headers;
pub(crate) mod messages;
pub(crate) mod tls;
