//! Dynamic batching: which waiting requests leave together, and how their rows are joined.

mod batch;
mod batcher;
mod counts;
mod join;
mod padding;
mod policy;
mod seat;

pub use batch::{Batch, Joined, Parts};
pub(crate) use batcher::{Batcher, Next};
pub use counts::{BatchCounts, Reason};
pub use padding::{CutRows, Padding};
pub use policy::{BatchPolicy, Wait};
pub(crate) use seat::{Seat, common_rows};
