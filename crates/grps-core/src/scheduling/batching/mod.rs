//! Dynamic batching: which waiting requests form a batch, and how their rows are joined.

pub(crate) mod auto;
mod batch;
mod batcher;
mod batching_key;
mod counts;
mod join;
mod padding;
mod policy;

pub use auto::{AutoPolicy, AutoState, LearnedSize, Objective};
pub use batch::{Batch, Joined, Parts};
pub(crate) use batcher::{Batcher, Next};
pub(crate) use batching_key::{BatchingKey, common_rows};
pub use counts::{BatchCounts, Reason};
pub use padding::{CutRows, Padding};
pub use policy::{BatchPolicy, Wait};
