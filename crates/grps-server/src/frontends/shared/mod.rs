//! Code that the front ends share.

pub(crate) mod credentials;
pub(crate) mod description;
pub(crate) mod dispatch;
pub(crate) mod endpoint;
pub(crate) mod front_end;
pub(crate) mod grpc;
pub(crate) mod http_exchange;
pub(crate) mod inference;
pub(crate) mod input;
pub(crate) mod json_object;
pub(crate) mod messages;
pub(crate) mod optional_headers;
pub(crate) mod rate_limit_headers;
pub(crate) mod resolve;
pub(crate) mod response;
pub(crate) mod response_form;
pub(crate) mod router;
pub(crate) mod scheduling_headers;
pub(crate) mod states;
pub(crate) mod streaming_control;
pub(crate) mod timeout_header;
pub(crate) mod timing_header;
pub(crate) mod trace_headers;
