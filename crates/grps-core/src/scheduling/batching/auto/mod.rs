//! `batching: auto`: learns how long batches take, and keeps their size within an objective.

mod controller;
mod curve;
mod forecast;
mod levels;
mod policy;
mod spread;

pub(crate) use controller::{AutoBatching, FinishedRun};
pub use controller::{AutoState, LearnedSize};
pub use policy::{AutoPolicy, Objective};

#[cfg(test)]
mod properties;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod traces;
