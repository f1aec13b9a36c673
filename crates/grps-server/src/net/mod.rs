//! Network layer: listeners, connections and their protocols, request and response bodies.

pub(crate) mod connection;
pub(crate) mod connection_protocol;
pub(crate) mod content_coding;
pub(crate) mod descriptors;
pub(crate) mod http1;
pub(crate) mod http2;
pub(crate) mod listener;
pub(crate) mod peer;
pub(crate) mod places;
pub(crate) mod read_ahead;
pub(crate) mod reply_body;
pub(crate) mod request_body;
pub(crate) mod request_head;
pub(crate) mod rewind;
pub(crate) mod sniff;
pub(crate) mod stream_tasks;
pub(crate) mod transport;
pub(crate) mod watched_stream;
pub(crate) mod write_timeout;
