//! Operations that all front ends share: commands, model descriptions and readiness.

pub(crate) mod commands;
pub(crate) mod model_metadata;
pub(crate) mod readiness;
pub(crate) mod route_signature;
pub(crate) mod services;
pub(crate) mod traffic;
