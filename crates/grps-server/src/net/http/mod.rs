//! HTTP on connections: both versions, heads and bodies of requests, bodies of responses.

pub(crate) mod compression;
pub(crate) mod content_coding;
pub(crate) mod cors;
pub(crate) mod grpc_web;
pub(crate) mod http1;
pub(crate) mod http2;
pub(crate) mod read_ahead;
pub(crate) mod reply_body;
pub(crate) mod request_body;
pub(crate) mod request_head;
pub(crate) mod response_coding;
pub(crate) mod stream_progress;
pub(crate) mod stream_tasks;
pub(crate) mod upgrade;
