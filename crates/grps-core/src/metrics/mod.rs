//! What a service measures of itself and what user code measures, kept as series over time.

mod histogram;
mod monitor;
mod series;
mod traffic;

pub use histogram::Histogram;
pub use monitor::{Monitor, Refused};
pub use series::{Kind, Points};
pub use traffic::Traffic;
