//! A request inside the engine: its content, its reply and chunks, and its timeline.

pub(crate) mod content;
pub(crate) mod http_exchange;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod stall;
pub(crate) mod stream;
pub(crate) mod timeline;
pub(crate) mod trace_context;
