//! Inference requests and responses in memory, for the ways over HTTP and gRPC.

pub(crate) mod classification;
pub(crate) mod data_type;
pub(crate) mod parameters;
pub(crate) mod prepare;
pub(crate) mod raw_tensor;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod scheduling;
pub(crate) mod shared_region;
