//! Metrics, traces, logs, and the data of the dashboard.

pub(crate) mod exposition;
pub mod forwarded_log;
pub(crate) mod gpus;
pub mod log;
pub(crate) mod log_file;
pub(crate) mod log_limit;
mod log_lines;
pub(crate) mod log_period;
mod log_rate;
pub(crate) mod metrics;
pub(crate) mod monitoring;
pub(crate) mod overview;
pub(crate) mod process;
pub(crate) mod traces;
pub(crate) mod waterfall;
