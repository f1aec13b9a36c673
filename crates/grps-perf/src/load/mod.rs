//! Sends the requests of a run.

mod closed;
mod open;
mod pool;
mod worker;

pub(crate) use worker::{Shared, Worker, drive};
