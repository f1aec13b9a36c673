//! Network layer: listeners, connections, their places and time limits.

pub(crate) mod accept;
pub(crate) mod connection;
pub(crate) mod connection_protocol;
pub(crate) mod descriptors;
pub(crate) mod http;
pub(crate) mod interface;
pub(crate) mod listener;
pub(crate) mod peer;
pub(crate) mod places;
pub(crate) mod rewind;
pub(crate) mod sniff;
pub(crate) mod tls;
pub(crate) mod transport;
pub(crate) mod watched_stream;
pub(crate) mod write_timeout;
