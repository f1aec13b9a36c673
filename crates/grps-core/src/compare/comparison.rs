//! The result of a comparison.

use std::fmt;

use crate::compare::place::Place;
use crate::tensor::dtype::DataType;
use crate::text::{quoted, shown};

/// Most mismatches that are kept.
const MAX_MISMATCHES: usize = 16;

/// How two outputs compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// All values are equal; NaN equals NaN.
    Equal,
    /// No number is farther from the expected one than the tolerance allows.
    WithinTolerance,
    /// A value is, or names, types, shapes or kinds of content differ.
    Different,
}

impl Verdict {
    /// The name in reports and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::WithinTolerance => "within_tolerance",
            Self::Different => "different",
        }
    }
}

/// What makes values incomparable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// An expected tensor is absent.
    Missing(String),
    /// A tensor was not expected.
    Unexpected(String),
    /// A tensor has another element type.
    DataType {
        /// Its name.
        tensor: String,
        /// The expected type.
        expected: DataType,
        /// The type in its place.
        actual: DataType,
    },
    /// A tensor has another shape.
    Shape {
        /// Its name.
        tensor: String,
        /// The expected shape.
        expected: Vec<usize>,
        /// The shape in its place.
        actual: Vec<usize>,
    },
    /// One is tensors and the other is something else.
    Kind {
        /// What was expected.
        expected: &'static str,
        /// What is in its place.
        actual: &'static str,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(tensor) => write!(f, "tensor {} is missing", quoted(tensor)),
            Self::Unexpected(tensor) => write!(f, "tensor {} is not expected", quoted(tensor)),
            Self::DataType { tensor, expected, actual } => {
                write!(f, "tensor {} has type {actual} instead of {expected}", quoted(tensor))
            }
            Self::Shape { tensor, expected, actual } => {
                write!(f, "tensor {} has shape {actual:?} instead of {expected:?}", quoted(tensor))
            }
            Self::Kind { expected, actual } => {
                write!(f, "the output is {} instead of {}", shown(actual), shown(expected))
            }
        }
    }
}

/// The result of a comparison.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// Elements that were compared. Bytes and texts outside of tensors are one element.
    pub elements: u64,
    /// Elements that are not equal, within the tolerance or not.
    pub unequal: u64,
    /// Elements that differ by more than the tolerance.
    pub differing: u64,
    /// Of them, those of which one is NaN or infinite and the other is not the same.
    pub non_finite: u64,
    /// The largest difference of two numbers; always finite.
    pub max_absolute: f64,
    /// The largest difference as a part of the expected number, where that is not 0.
    pub max_relative: f64,
    /// The first element that differs by more than the tolerance.
    pub first: Option<Place>,
    /// The element with the largest difference of all that differ by more than the tolerance.
    pub worst: Option<Place>,
    /// Names, types, shapes and kinds that differ; at most 16 of them.
    pub mismatches: Vec<Mismatch>,
}

impl Comparison {
    /// The verdict.
    pub fn verdict(&self) -> Verdict {
        if self.differing > 0 || !self.mismatches.is_empty() {
            Verdict::Different
        } else if self.unequal > 0 {
            Verdict::WithinTolerance
        } else {
            Verdict::Equal
        }
    }

    pub(super) fn add_mismatch(&mut self, mismatch: Mismatch) {
        if self.mismatches.len() < MAX_MISMATCHES {
            self.mismatches.push(mismatch);
        }
    }

    /// A comparison of one value that is not a number.
    pub(super) fn of_value(differs: Option<Place>) -> Self {
        let count = u64::from(differs.is_some());
        let (first, worst) = (differs.clone(), differs);
        Self { elements: 1, unequal: count, differing: count, first, worst, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mismatches_are_said_in_one_line() {
        let tensor = || "y\n".to_owned();
        let (expected, actual) = (DataType::Float32, DataType::Int64);
        let shape = Mismatch::Shape { tensor: tensor(), expected: vec![1, 2], actual: vec![] };
        let lines = [
            Mismatch::Missing(String::new()),
            Mismatch::Unexpected(tensor()),
            Mismatch::DataType { tensor: tensor(), expected, actual },
            shape,
            Mismatch::Kind { expected: "tensors", actual: "bytes" },
        ];
        let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        let wanted = [
            r#"tensor "" is missing"#,
            r#"tensor "y\n" is not expected"#,
            r#"tensor "y\n" has type int64 instead of float32"#,
            r#"tensor "y\n" has shape [] instead of [1, 2]"#,
            "the output is bytes instead of tensors",
        ];
        assert_eq!(lines, wanted);
    }

    #[test]
    fn mismatches_are_bounded() {
        let mut comparison = Comparison::default();
        for _ in 0..=MAX_MISMATCHES {
            comparison.add_mismatch(Mismatch::Missing("x".into()));
        }
        assert_eq!(comparison.mismatches.len(), MAX_MISMATCHES);
        assert_eq!(comparison.verdict(), Verdict::Different);
    }
}
