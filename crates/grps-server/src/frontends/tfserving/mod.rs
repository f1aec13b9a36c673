//! The protocols of TensorFlow Serving: REST at `/v1/models`, and its gRPC services.
//!
//! `http` and `grpc` are the ways in. The files here are for both: which model, version and signature
//! a request names, what is said of them, and the methods classify and regress.

pub(crate) mod element_type;
pub(crate) mod examples;
pub(crate) mod grpc;
pub(crate) mod http;
pub(crate) mod model_choice;
pub(crate) mod scores;
pub(crate) mod signature;
pub(crate) mod version_states;

/// What a request asks a model for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// Tensors for tensors.
    Predict,
    /// Labels with scores for each example.
    Classify,
    /// A number for each example.
    Regress,
}
