//! Recorded requests that are sent again, and the comparison of their replies with the recorded ones.

mod comparer;
mod difference;
mod message;
mod replay;
mod result;

pub use comparer::{Comparer, ReplyFailure};
pub use difference::Difference;
pub use replay::{Replay, ReplayError, ReplayOptions, ReplayRequest};
pub use result::{ReplayResult, RouteResult};
