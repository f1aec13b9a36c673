//! A load generator. It sends prepared requests from threads of its own, on a schedule, and measures
//! the responses. It knows protocols, not models: `grps-py` gives it requests as bytes.

mod arrivals;
mod error;
mod exchange;
mod load;
mod pacer;
mod plan;
mod responses;
mod run;
mod stats;

pub use crate::error::PlanError;
pub use crate::plan::{Arrivals, Limits, Load, Plan, Protocol, Request, Target, Tls, Window};
pub use crate::responses::{ResponseFailure, Responses};
pub use crate::run::Run;
pub use crate::stats::progress::Progress;
pub use crate::stats::report::{ErrorReport, IntervalReport, Report, Values, WindowReport};
