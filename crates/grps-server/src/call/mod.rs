//! What lies between a front end and the engine, the same for every protocol.

pub(crate) mod access;
pub(crate) mod access_line;
pub(crate) mod blocking_section;
pub(crate) mod call;
pub(crate) mod in_flight;
pub(crate) mod inference;
pub(crate) mod reply_stream;
pub(crate) mod request_ids;
pub(crate) mod request_scope;
pub(crate) mod status;
pub(crate) mod token_charge;
