//! The models of the repository.

use std::collections::BTreeMap;

/// `RepositoryIndexRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct IndexRequest {
    #[prost(string, tag = "1")]
    pub(crate) repository_name: String,
    /// Whether only ready models are listed.
    #[prost(bool, tag = "2")]
    pub(crate) ready: bool,
}

/// `RepositoryIndexResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct IndexResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) models: Vec<ModelIndex>,
}

/// `RepositoryIndexResponse.ModelIndex`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ModelIndex {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) version: String,
    #[prost(string, tag = "3")]
    pub(crate) state: String,
    #[prost(string, tag = "4")]
    pub(crate) reason: String,
}

/// `RepositoryModelLoadRequest` and `RepositoryModelUnloadRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ChangeRequest {
    #[prost(string, tag = "1")]
    pub(crate) repository_name: String,
    #[prost(string, tag = "2")]
    pub(crate) model_name: String,
    #[prost(btree_map = "string, message", tag = "3")]
    pub(crate) parameters: BTreeMap<String, RepositoryParameter>,
}

/// `ModelRepositoryParameter`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RepositoryParameter {
    #[prost(oneof = "RepositoryValue", tags = "1, 2, 3, 4")]
    pub(crate) value: Option<RepositoryValue>,
}

/// The value of a parameter.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum RepositoryValue {
    #[prost(bool, tag = "1")]
    Bool(bool),
    #[prost(int64, tag = "2")]
    Int(i64),
    #[prost(string, tag = "3")]
    Text(String),
    #[prost(bytes = "bytes", tag = "4")]
    Bytes(bytes::Bytes),
}
