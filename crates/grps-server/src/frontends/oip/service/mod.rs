//! What the service says of itself and its models, and what operators change: for the ways over HTTP
//! and gRPC.

pub(crate) mod health;
pub(crate) mod log_settings;
pub(crate) mod model_config;
pub(crate) mod model_metadata;
pub(crate) mod repository;
pub(crate) mod server_metadata;
pub(crate) mod statistics;
pub(crate) mod trace_settings;
