//! The gRPC interface: `grps.protos.v1.GrpsService` and the standard health service.

mod health;
mod predict;
mod raw_codec;
mod service;
mod timeout;

pub(crate) use service::{answer, is_grpc};
