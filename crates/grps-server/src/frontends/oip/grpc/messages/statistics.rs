//! Statistics of models.

/// `ModelStatisticsResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StatisticsResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) model_stats: Vec<ModelStatistics>,
}

/// `ModelStatistics`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ModelStatistics {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) version: String,
    /// Milliseconds since the epoch.
    #[prost(uint64, tag = "3")]
    pub(crate) last_inference: u64,
    #[prost(uint64, tag = "4")]
    pub(crate) inference_count: u64,
    #[prost(uint64, tag = "5")]
    pub(crate) execution_count: u64,
    #[prost(message, optional, tag = "6")]
    pub(crate) inference_stats: Option<InferStatistics>,
    #[prost(message, repeated, tag = "7")]
    pub(crate) batch_stats: Vec<BatchStatistics>,
}

/// `StatisticDuration`.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Duration {
    #[prost(uint64, tag = "1")]
    pub(crate) count: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) ns: u64,
}

/// `InferStatistics`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct InferStatistics {
    #[prost(message, optional, tag = "1")]
    pub(crate) success: Option<Duration>,
    #[prost(message, optional, tag = "2")]
    pub(crate) fail: Option<Duration>,
    #[prost(message, optional, tag = "3")]
    pub(crate) queue: Option<Duration>,
    #[prost(message, optional, tag = "4")]
    pub(crate) compute_input: Option<Duration>,
    #[prost(message, optional, tag = "5")]
    pub(crate) compute_infer: Option<Duration>,
    #[prost(message, optional, tag = "6")]
    pub(crate) compute_output: Option<Duration>,
    #[prost(message, optional, tag = "7")]
    pub(crate) cache_hit: Option<Duration>,
    #[prost(message, optional, tag = "8")]
    pub(crate) cache_miss: Option<Duration>,
}

/// `InferBatchStatistics`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct BatchStatistics {
    #[prost(uint64, tag = "1")]
    pub(crate) batch_size: u64,
    #[prost(message, optional, tag = "2")]
    pub(crate) compute_input: Option<Duration>,
    #[prost(message, optional, tag = "3")]
    pub(crate) compute_infer: Option<Duration>,
    #[prost(message, optional, tag = "4")]
    pub(crate) compute_output: Option<Duration>,
}
