//! The messages as a client writes and reads them.

use std::collections::HashMap;

use bytes::Bytes;

use crate::frontends::tfserving::grpc::messages::{Dim, ModelSpec, TensorShape};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct PredictRequest {
    #[prost(message, optional, tag = "1")]
    pub(super) model_spec: Option<ModelSpec>,
    #[prost(map = "string, message", tag = "2")]
    pub(super) inputs: HashMap<String, TensorProto>,
    #[prost(string, repeated, tag = "3")]
    pub(super) output_filter: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct PredictResponse {
    #[prost(map = "string, message", tag = "1")]
    pub(super) outputs: HashMap<String, TensorProto>,
    #[prost(message, optional, tag = "2")]
    pub(super) model_spec: Option<ModelSpec>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TensorProto {
    #[prost(int32, tag = "1")]
    pub(super) dtype: i32,
    #[prost(message, optional, tag = "2")]
    pub(super) tensor_shape: Option<TensorShape>,
    #[prost(bytes = "bytes", tag = "4")]
    pub(super) tensor_content: Bytes,
    #[prost(float, repeated, tag = "5")]
    pub(super) float_val: Vec<f32>,
    #[prost(double, repeated, tag = "6")]
    pub(super) double_val: Vec<f64>,
    #[prost(int32, repeated, tag = "7")]
    pub(super) int_val: Vec<i32>,
    #[prost(bytes = "bytes", repeated, tag = "8")]
    pub(super) string_val: Vec<Bytes>,
    #[prost(int64, repeated, tag = "10")]
    pub(super) int64_val: Vec<i64>,
    #[prost(bool, repeated, tag = "11")]
    pub(super) bool_val: Vec<bool>,
    #[prost(int32, repeated, tag = "13")]
    pub(super) half_val: Vec<i32>,
    #[prost(uint32, repeated, tag = "16")]
    pub(super) uint32_val: Vec<u32>,
    #[prost(uint64, repeated, tag = "17")]
    pub(super) uint64_val: Vec<u64>,
}

impl TensorProto {
    /// A tensor of this type and shape without elements.
    pub(super) fn new(dtype: i32, sizes: &[i64]) -> Self {
        let dim = sizes.iter().map(|size| Dim { size: *size, name: String::new() }).collect();
        let tensor_shape = Some(TensorShape { dim, unknown_rank: false });
        Self { dtype, tensor_shape, ..Self::default() }
    }

    pub(super) fn sizes(&self) -> Vec<i64> {
        let shape = self.tensor_shape.clone().unwrap_or_default();
        shape.dim.iter().map(|dim| dim.size).collect()
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ExamplesRequest {
    #[prost(message, optional, tag = "1")]
    pub(super) model_spec: Option<ModelSpec>,
    #[prost(message, optional, tag = "2")]
    pub(super) input: Option<Input>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Input {
    #[prost(message, optional, tag = "1")]
    pub(super) example_list: Option<ExampleList>,
    #[prost(message, optional, tag = "2")]
    pub(super) example_list_with_context: Option<ListWithContext>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ExampleList {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(super) examples: Vec<Bytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ListWithContext {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(super) examples: Vec<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub(super) context: Option<Bytes>,
}
