//! The functions of the host's table, by what they are called on.

pub(crate) mod batch;
pub(crate) mod call;
pub(crate) mod http;
pub(crate) mod output;
pub(crate) mod request;
pub(crate) mod signature;
pub(crate) mod steps;
pub(crate) mod user_data;
