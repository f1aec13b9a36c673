//! The configuration of a model.

/// `ModelConfigResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ModelConfigResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) config: Option<ModelConfig>,
}

/// `ModelConfig`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ModelConfig {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) platform: String,
    #[prost(int32, tag = "4")]
    pub(crate) max_batch_size: i32,
    #[prost(message, repeated, tag = "5")]
    pub(crate) input: Vec<ModelInput>,
    #[prost(message, repeated, tag = "6")]
    pub(crate) output: Vec<ModelOutput>,
    #[prost(message, optional, tag = "11")]
    pub(crate) dynamic_batching: Option<DynamicBatching>,
    #[prost(string, tag = "17")]
    pub(crate) backend: String,
    #[prost(message, optional, tag = "19")]
    pub(crate) model_transaction_policy: Option<TransactionPolicy>,
}

/// `ModelInput`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ModelInput {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    /// The number in the enum `DataType`.
    #[prost(int32, tag = "2")]
    pub(crate) data_type: i32,
    #[prost(int64, repeated, tag = "4")]
    pub(crate) dims: Vec<i64>,
    #[prost(bool, tag = "8")]
    pub(crate) optional: bool,
}

/// `ModelOutput`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ModelOutput {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    /// The number in the enum `DataType`.
    #[prost(int32, tag = "2")]
    pub(crate) data_type: i32,
    #[prost(int64, repeated, tag = "3")]
    pub(crate) dims: Vec<i64>,
    #[prost(string, tag = "4")]
    pub(crate) label_filename: String,
}

/// `ModelDynamicBatching`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DynamicBatching {
    #[prost(int32, repeated, tag = "1")]
    pub(crate) preferred_batch_size: Vec<i32>,
    #[prost(uint64, tag = "2")]
    pub(crate) max_queue_delay_microseconds: u64,
    #[prost(uint64, tag = "4")]
    pub(crate) priority_levels: u64,
    #[prost(uint64, tag = "5")]
    pub(crate) default_priority_level: u64,
}

/// `ModelTransactionPolicy`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TransactionPolicy {
    #[prost(bool, tag = "1")]
    pub(crate) decoupled: bool,
}

/// The names of the enum `DataType` in the order of their numbers.
const DATA_TYPES: [&str; 15] = [
    "TYPE_INVALID",
    "TYPE_BOOL",
    "TYPE_UINT8",
    "TYPE_UINT16",
    "TYPE_UINT32",
    "TYPE_UINT64",
    "TYPE_INT8",
    "TYPE_INT16",
    "TYPE_INT32",
    "TYPE_INT64",
    "TYPE_FP16",
    "TYPE_FP32",
    "TYPE_FP64",
    "TYPE_STRING",
    "TYPE_BF16",
];

/// The number of a type in the enum `DataType`.
pub(crate) fn number_of(name: &str) -> i32 {
    let index = DATA_TYPES.iter().position(|own| *own == name);
    index.and_then(|index| i32::try_from(index).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use grps_core::DataType;

    use super::*;
    use crate::frontends::oip::inference::data_type::config_name_of;

    #[test]
    fn every_type_has_a_number() {
        let mut numbers = DataType::ALL.map(|dtype| number_of(config_name_of(dtype)));
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(1..15));
        assert_eq!((number_of("TYPE_FP32"), number_of("TYPE_BF16"), number_of("?")), (11, 14, 0));
    }
}
