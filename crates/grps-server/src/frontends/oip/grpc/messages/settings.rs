//! Settings of traces and logs.

use std::collections::BTreeMap;

/// `TraceSettingRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TraceRequest {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(crate) settings: BTreeMap<String, TraceValue>,
    #[prost(string, tag = "2")]
    pub(crate) model_name: String,
}

/// `TraceSettingResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TraceResponse {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(crate) settings: BTreeMap<String, TraceValue>,
}

/// The values of a setting of traces.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TraceValue {
    #[prost(string, repeated, tag = "1")]
    pub(crate) value: Vec<String>,
}

/// `LogSettingsRequest` and `LogSettingsResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct LogSettings {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(crate) settings: BTreeMap<String, LogSetting>,
}

/// A setting of logs.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct LogSetting {
    #[prost(oneof = "LogValue", tags = "1, 2, 3")]
    pub(crate) value: Option<LogValue>,
}

/// The value of a setting of logs.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum LogValue {
    #[prost(bool, tag = "1")]
    Bool(bool),
    #[prost(uint32, tag = "2")]
    Uint(u32),
    #[prost(string, tag = "3")]
    Text(String),
}
