//! How a connection begins: bound sockets, the header of a proxy, the TLS handshake.

pub(crate) mod bound;
pub(crate) mod establish;
pub(crate) mod proxy_protocol;
