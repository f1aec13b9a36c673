//! Metrics of the service and of user code: counters, histograms and time series.

mod batch_times;
mod calls;
mod exemplars;
mod histogram;
mod monitor;
mod outcomes;
mod recent_steps;
mod requests;
mod series;
mod slowest;
mod stage;
mod stats_registry;
mod traffic;
mod window;

pub use batch_times::BatchTimes;
pub use calls::CallStats;
pub(crate) use calls::RunningCall;
pub use exemplars::{Exemplar, Exemplars};
pub use histogram::{Counts, Histogram, bounds};
pub use monitor::{Monitor, Name, RecordError, UserMetric};
pub use outcomes::{OutcomeCounts, Outcomes};
pub use recent_steps::StepMinute;
pub use requests::{Protocol, RequestStats, RouteStats, Sum};
pub use series::{Kind, Points};
pub use slowest::{NotableRequests, RequestSummary};
pub use stage::{CallStage, RequestStage};
pub use stats_registry::StatsRegistry;
pub use traffic::Traffic;
pub use window::Minute;
