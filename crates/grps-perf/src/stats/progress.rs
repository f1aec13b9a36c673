//! How far a run is.

use serde::Serialize;

/// What is shown of a run while it runs. The warm-up counts in `begun` and `open` only.
#[derive(Debug, Clone, Serialize)]
pub struct Progress {
    /// Seconds since the first request.
    pub elapsed_s: f64,
    /// Requests that were sent.
    pub begun: u64,
    /// Requests that are open.
    pub open: u64,
    /// Successes.
    pub succeeded: u64,
    /// Failures.
    pub failed: u64,
    /// Requests that were not sent, as too many were open.
    pub not_sent: u64,
    /// Chunks of streams.
    pub chunks: u64,
    /// Latencies of successes so far, in nanoseconds: their median and the 99th percentile.
    pub p50_ns: u64,
    /// The 99th percentile.
    pub p99_ns: u64,
}
