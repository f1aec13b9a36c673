//! The data plane of GRPS: sockets, HTTP, gRPC and the codec between wire bytes and tensors.

pub mod codec;
