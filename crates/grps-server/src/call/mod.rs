//! What lies between a front end and the engine, the same for every protocol.

pub(crate) mod blocking_section;
pub(crate) mod dispatch;
pub(crate) mod in_flight;
pub(crate) mod optional_headers;
pub(crate) mod readiness;
pub(crate) mod request_id;
pub(crate) mod request_scope;
pub(crate) mod scheduling_headers;
pub(crate) mod status;
pub(crate) mod timing;
pub(crate) mod trace_context;
