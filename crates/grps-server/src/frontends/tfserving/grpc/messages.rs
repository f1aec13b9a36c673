//! The messages of the services, except those with tensors, which `codec` reads and writes.

use std::collections::HashMap;

/// `ModelSpec`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ModelSpec {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(oneof = "SpecVersion", tags = "2, 4")]
    pub(crate) version: Option<SpecVersion>,
    #[prost(string, tag = "3")]
    pub(crate) signature_name: String,
}

/// What chooses a version.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum SpecVersion {
    /// In a `google.protobuf.Int64Value`.
    #[prost(message, tag = "2")]
    Number(i64),
    #[prost(string, tag = "4")]
    Label(String),
}

/// `GetModelStatusRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StatusRequest {
    #[prost(message, optional, tag = "1")]
    pub(crate) model_spec: Option<ModelSpec>,
}

/// `GetModelStatusResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StatusResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) model_version_status: Vec<VersionStatus>,
}

/// `ModelVersionStatus`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct VersionStatus {
    #[prost(int64, tag = "1")]
    pub(crate) version: i64,
    #[prost(int32, tag = "2")]
    pub(crate) state: i32,
    #[prost(message, optional, tag = "3")]
    pub(crate) status: Option<StatusProto>,
}

/// The state of a version that is being loaded, or that runs no requests at present.
pub(crate) const LOADING: i32 = 20;
/// The state of a version that runs requests.
pub(crate) const AVAILABLE: i32 = 30;

/// `StatusProto`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StatusProto {
    /// A code of gRPC.
    #[prost(int32, tag = "1")]
    pub(crate) error_code: i32,
    #[prost(string, tag = "2")]
    pub(crate) error_message: String,
}

/// `GetModelMetadataRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct MetadataRequest {
    #[prost(message, optional, tag = "1")]
    pub(crate) model_spec: Option<ModelSpec>,
    #[prost(string, repeated, tag = "2")]
    pub(crate) metadata_field: Vec<String>,
}

/// `GetModelMetadataResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct MetadataResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) model_spec: Option<ModelSpec>,
    #[prost(map = "string, message", tag = "2")]
    pub(crate) metadata: HashMap<String, AnyMessage>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AnyMessage {
    #[prost(string, tag = "1")]
    pub(crate) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) value: Vec<u8>,
}

/// `SignatureDefMap`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SignatureDefMap {
    #[prost(map = "string, message", tag = "1")]
    pub(crate) signature_def: HashMap<String, SignatureDef>,
}

/// `SignatureDef`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SignatureDef {
    #[prost(map = "string, message", tag = "1")]
    pub(crate) inputs: HashMap<String, TensorInfo>,
    #[prost(map = "string, message", tag = "2")]
    pub(crate) outputs: HashMap<String, TensorInfo>,
    #[prost(string, tag = "3")]
    pub(crate) method_name: String,
}

/// `TensorInfo`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TensorInfo {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(int32, tag = "2")]
    pub(crate) dtype: i32,
    #[prost(message, optional, tag = "3")]
    pub(crate) tensor_shape: Option<TensorShape>,
}

/// `TensorShapeProto`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TensorShape {
    #[prost(message, repeated, tag = "2")]
    pub(crate) dim: Vec<Dim>,
    #[prost(bool, tag = "3")]
    pub(crate) unknown_rank: bool,
}

/// `TensorShapeProto.Dim`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Dim {
    /// -1 for a dynamic size.
    #[prost(int64, tag = "1")]
    pub(crate) size: i64,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
}

/// `ClassificationResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ClassificationResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) result: Option<ClassificationResult>,
    #[prost(message, optional, tag = "2")]
    pub(crate) model_spec: Option<ModelSpec>,
}

/// `ClassificationResult`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ClassificationResult {
    #[prost(message, repeated, tag = "1")]
    pub(crate) classifications: Vec<Classifications>,
}

/// `Classifications`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Classifications {
    #[prost(message, repeated, tag = "1")]
    pub(crate) classes: Vec<Class>,
}

/// `Class`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Class {
    #[prost(string, tag = "1")]
    pub(crate) label: String,
    #[prost(float, tag = "2")]
    pub(crate) score: f32,
}

/// `RegressionResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RegressionResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) result: Option<RegressionResult>,
    #[prost(message, optional, tag = "2")]
    pub(crate) model_spec: Option<ModelSpec>,
}

/// `RegressionResult`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RegressionResult {
    #[prost(message, repeated, tag = "1")]
    pub(crate) regressions: Vec<Regression>,
}

/// `Regression`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Regression {
    #[prost(float, tag = "1")]
    pub(crate) value: f32,
}
