//! Sockets: listening, connections, which protocol they speak, bodies.

pub(crate) mod connection;
pub(crate) mod listener;
pub(crate) mod read_ahead;
pub(crate) mod reply_body;
pub(crate) mod watched_stream;
