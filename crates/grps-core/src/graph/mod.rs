//! Several models as one: which runs on whose output, and which run side by side.

mod condition;
mod node;
mod plan;
mod source;
mod walk;

pub use condition::{Comparison, Condition};
pub use node::{GraphSpec, InputSpec, Inputs, NodeSpec};
pub use plan::Graph;
pub use source::Source;
pub(crate) use walk::Walk;

#[cfg(test)]
mod tests;
