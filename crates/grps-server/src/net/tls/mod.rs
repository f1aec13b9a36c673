//! TLS on the ports of a service: certificates, their reload, and the names of clients.

pub(crate) mod files;
pub(crate) mod identity;
pub(crate) mod tls;
