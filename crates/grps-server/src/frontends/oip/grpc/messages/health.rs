//! Health.

/// `ServerLiveResponse`, `ServerReadyResponse` and `ModelReadyResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Healthy {
    /// Whether it is live or ready.
    #[prost(bool, tag = "1")]
    pub(crate) value: bool,
}

/// A model and its version: the request for its readiness, metadata, configuration or statistics.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ModelRequest {
    /// The model.
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    /// Its version; empty for the latest.
    #[prost(string, tag = "2")]
    pub(crate) version: String,
}
