//! The wire protocol as an independent protobuf implementation sees it, to compare with.

use std::collections::HashMap;

use bytes::Bytes;
use grps_core::Values;
use grps_server::codec as ours;
use half::f16;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Status {
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
    #[prost(string, tag = "2")]
    pub(crate) msg: String,
    #[prost(int32, tag = "3")]
    pub(crate) status: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GenericTensor {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(int32, tag = "2")]
    pub(crate) dtype: i32,
    #[prost(uint32, repeated, tag = "3")]
    pub(crate) shape: Vec<u32>,
    #[prost(uint32, repeated, tag = "4")]
    pub(crate) flat_uint8: Vec<u32>,
    #[prost(int32, repeated, tag = "5")]
    pub(crate) flat_int8: Vec<i32>,
    #[prost(int32, repeated, tag = "6")]
    pub(crate) flat_int16: Vec<i32>,
    #[prost(int32, repeated, tag = "7")]
    pub(crate) flat_int32: Vec<i32>,
    #[prost(int64, repeated, tag = "8")]
    pub(crate) flat_int64: Vec<i64>,
    #[prost(float, repeated, tag = "9")]
    pub(crate) flat_float16: Vec<f32>,
    #[prost(float, repeated, tag = "10")]
    pub(crate) flat_float32: Vec<f32>,
    #[prost(double, repeated, tag = "11")]
    pub(crate) flat_float64: Vec<f64>,
    #[prost(string, repeated, tag = "12")]
    pub(crate) flat_string: Vec<String>,
    #[prost(bytes, repeated, tag = "100")]
    pub(crate) flat_bytes: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GenericTensorData {
    #[prost(message, repeated, tag = "1")]
    pub(crate) tensors: Vec<GenericTensor>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GenericMapData {
    #[prost(map = "string, string", tag = "1")]
    pub(crate) s_s: HashMap<String, String>,
    #[prost(map = "string, bytes", tag = "2")]
    pub(crate) s_b: HashMap<String, Vec<u8>>,
    #[prost(map = "string, int32", tag = "3")]
    pub(crate) s_i32: HashMap<String, i32>,
    #[prost(map = "string, int64", tag = "4")]
    pub(crate) s_i64: HashMap<String, i64>,
    #[prost(map = "string, float", tag = "5")]
    pub(crate) s_f: HashMap<String, f32>,
    #[prost(map = "string, double", tag = "6")]
    pub(crate) s_d: HashMap<String, f64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct NdArray {}

#[derive(Clone, PartialEq, prost::Oneof)]
#[expect(clippy::large_enum_variant, reason = "prost wants its messages unboxed here")]
pub(crate) enum Data {
    #[prost(bytes, tag = "3")]
    Binary(Vec<u8>),
    #[prost(string, tag = "4")]
    Text(String),
    #[prost(message, tag = "5")]
    Tensors(GenericTensorData),
    #[prost(message, tag = "6")]
    NdArray(NdArray),
    #[prost(message, tag = "7")]
    Map(GenericMapData),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GrpsMessage {
    #[prost(message, optional, tag = "1")]
    pub(crate) status: Option<Status>,
    #[prost(string, tag = "2")]
    pub(crate) model: String,
    #[prost(oneof = "Data", tags = "3, 4, 5, 6, 7")]
    pub(crate) data: Option<Data>,
}

impl From<&ours::GrpsMessage> for GrpsMessage {
    fn from(message: &ours::GrpsMessage) -> Self {
        let status = message.status.as_ref().map(|status| Status {
            code: status.code,
            msg: status.msg.clone().into_owned(),
            status: status.outcome.0,
        });
        let data = match &message.data {
            ours::Data::None => None,
            ours::Data::Binary(bytes) => Some(Data::Binary(bytes.to_vec())),
            ours::Data::Text(text) => Some(Data::Text(text.clone())),
            ours::Data::Tensors(tensors) => {
                let tensors = tensors.iter().map(GenericTensor::from).collect();
                Some(Data::Tensors(GenericTensorData { tensors }))
            }
            ours::Data::NdArrayMarker => Some(Data::NdArray(NdArray {})),
            ours::Data::Map(map) => Some(Data::Map(GenericMapData {
                s_s: map.s_s.iter().cloned().collect(),
                s_b: map.s_b.iter().map(|(key, value)| (key.clone(), value.to_vec())).collect(),
                s_i32: map.s_i32.iter().cloned().collect(),
                s_i64: map.s_i64.iter().cloned().collect(),
                s_f: map.s_f.iter().cloned().collect(),
                s_d: map.s_d.iter().cloned().collect(),
            })),
        };
        Self { status, model: message.model.clone(), data }
    }
}

impl From<&ours::WireTensor> for GenericTensor {
    fn from(tensor: &ours::WireTensor) -> Self {
        let mut out = Self {
            name: tensor.name.to_string(),
            dtype: tensor.dtype,
            shape: tensor.shape.to_vec(),
            ..Self::default()
        };
        for column in &tensor.columns {
            match column {
                Values::Uint8(v) => out.flat_uint8 = v.iter().map(|v| (*v).into()).collect(),
                Values::Int8(v) => out.flat_int8 = v.iter().map(|v| (*v).into()).collect(),
                Values::Int16(v) => out.flat_int16 = v.iter().map(|v| (*v).into()).collect(),
                Values::Int32(v) => out.flat_int32.clone_from(v),
                Values::Int64(v) => out.flat_int64.clone_from(v),
                Values::Float16(v) => {
                    out.flat_float16 = v.iter().copied().map(f16::to_f32).collect();
                }
                Values::Float32(v) => out.flat_float32.clone_from(v),
                Values::Float64(v) => out.flat_float64.clone_from(v),
                Values::String(v) => {
                    let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec());
                    match v.iter().map(text).collect() {
                        Ok(texts) => out.flat_string = texts,
                        Err(_) => out.flat_bytes = v.iter().map(|bytes| bytes.to_vec()).collect(),
                    }
                }
                // No field holds the others.
                Values::Bool(_)
                | Values::Uint16(_)
                | Values::Uint32(_)
                | Values::Uint64(_)
                | Values::Bfloat16(_) => (),
            }
        }
        out
    }
}
