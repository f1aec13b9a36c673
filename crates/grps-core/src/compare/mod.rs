//! Compares two outputs of one request: of two versions of a model, or a recorded one with a new one.

mod block;
mod comparison;
mod contents;
mod distances;
mod place;
#[cfg(test)]
mod properties;
mod tally;
mod tensors;
mod tolerance;

pub use comparison::{Comparison, Mismatch, Verdict};
pub use contents::compare_contents;
pub use place::Place;
pub use tensors::compare_tensors;
pub use tolerance::{Tolerance, ToleranceError};
