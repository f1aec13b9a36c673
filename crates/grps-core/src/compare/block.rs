//! Compares a few elements at a time, in loops over arrays that the compiler turns into vector
//! instructions.

use std::iter::zip;

use crate::compare::distances::Number;
use crate::compare::tolerance::Tolerance;

/// Elements of a block: its arrays stay in the nearest cache.
pub(super) const BLOCK: usize = 256;
/// Numbers whose largest is found side by side.
const LANES: usize = 8;

/// What the comparison of one block found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct BlockResult {
    /// Elements that are not equal.
    pub(super) unequal: u64,
    /// Elements that differ by more than the tolerance.
    pub(super) differing: u64,
    /// Elements of which one is NaN or infinite and the other is not the same.
    pub(super) non_finite: u64,
    /// The largest finite distance.
    pub(super) max_absolute: f64,
    /// The largest finite distance as a part of the expected number.
    pub(super) max_relative: f64,
}

/// Compares at most [`BLOCK`] elements.
pub(super) fn compare_block<T: Number>(
    expected: &[T],
    actual: &[T],
    tolerance: Tolerance,
) -> BlockResult {
    let (mut distances, mut values, mut parts) = ([0.0; BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
    let length = expected.len().min(actual.len()).min(BLOCK);
    for ((distance, expected), actual) in distances.iter_mut().zip(expected).zip(actual) {
        *distance = expected.distance(*actual);
    }
    for (value, expected) in values.iter_mut().zip(expected) {
        *value = expected.value();
    }
    // Where nothing was compared the arrays are 0, which counts as equal.
    let mut result = BlockResult::default();
    for (distance, value) in zip(&distances, &values) {
        result.unequal += u64::from(*distance != 0.0);
        result.differing += u64::from(is_beyond(*distance, *value, tolerance));
        result.non_finite += u64::from(!distance.is_finite());
    }
    if result.unequal == 0 {
        return result;
    }
    for (part, (distance, value)) in zip(&mut parts, zip(&mut distances, &values)) {
        *distance = if distance.is_finite() { *distance } else { 0.0 };
        let relative = *distance / value.abs();
        // An expected 0 makes no part, nor does a number so small that the part overflows.
        *part = if relative.is_finite() { relative } else { 0.0 };
    }
    let (distances, parts) = (distances.get(..length), parts.get(..length));
    result.max_absolute = largest(distances.unwrap_or_default());
    result.max_relative = largest(parts.unwrap_or_default());
    result
}

/// Whether a distance is more than is allowed for an expected number.
#[inline]
pub(super) fn is_beyond(distance: f64, expected: f64, tolerance: Tolerance) -> bool {
    // A distance that is not finite is never allowed; what is allowed may be NaN then.
    (distance > tolerance.allowed(expected)) | !distance.is_finite()
}

/// The largest of numbers from 0 that are not NaN.
fn largest(values: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    for chunk in values.chunks(LANES) {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = if *value > *lane { *value } else { *lane };
        }
    }
    lanes.into_iter().fold(0.0, f64::max)
}
