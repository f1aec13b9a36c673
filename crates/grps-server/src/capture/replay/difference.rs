//! A reply that differs from the recorded one.

use std::cmp::Ordering;

use grps_core::compare::Comparison;
use serde::Serialize;

use super::comparer::Recorded;

/// A reply that differs from the recorded one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The number of the request in the capture, from 0.
    pub record: usize,
    /// Seconds from the first request to this one, as recorded.
    pub at_s: f64,
    /// The model or graph that ran it when it was recorded.
    pub route: String,
    /// The identifier of the recorded request.
    pub request_id: String,
    /// What differs, as one line.
    pub why: String,
    /// Whether one of both replies is a failure.
    pub is_failure: bool,
    /// The tensor of the element that differs most; empty if it has no name.
    pub tensor: String,
    /// The position of that element in each dimension.
    pub index: Vec<usize>,
    /// Its recorded value.
    pub expected: String,
    /// Its value in the reply.
    pub actual: String,
    /// Elements that differ by more than the tolerance.
    pub differing: u64,
    /// Elements that were compared.
    pub elements: u64,
    /// The largest difference of two numbers.
    pub max_absolute: f64,
    /// The largest difference as a part of the recorded number.
    pub max_relative: f64,
}

impl Difference {
    /// A reply that is a failure where the recorded one is none, or the other way round.
    pub(super) fn of_outcome(record: usize, recorded: &Recorded, why: String) -> Self {
        Self { is_failure: true, ..Self::new(record, recorded, why) }
    }

    /// A reply with other contents.
    pub(super) fn of_contents(record: usize, recorded: &Recorded, found: &Comparison) -> Self {
        let (differing, elements) = (found.differing, found.elements);
        let why = found.mismatches.first().map_or_else(
            || format!("{differing} of {elements} elements differ"),
            ToString::to_string,
        );
        let place = found.worst.as_ref();
        Self {
            tensor: place.map(|place| place.tensor.clone()).unwrap_or_default(),
            index: place.map(|place| place.index.clone()).unwrap_or_default(),
            expected: place.map(|place| place.expected.clone()).unwrap_or_default(),
            actual: place.map(|place| place.actual.clone()).unwrap_or_default(),
            differing,
            elements,
            max_absolute: found.max_absolute,
            max_relative: found.max_relative,
            ..Self::new(record, recorded, why)
        }
    }

    fn new(record: usize, recorded: &Recorded, why: String) -> Self {
        Self {
            record,
            at_s: recorded.at_s,
            route: recorded.route.clone(),
            request_id: recorded.request_id.clone(),
            why,
            is_failure: false,
            tensor: String::new(),
            index: Vec::new(),
            expected: String::new(),
            actual: String::new(),
            differing: 0,
            elements: 0,
            max_absolute: 0.0,
            max_relative: 0.0,
        }
    }

    /// The order of a list with the worst first: failures, other shapes and types, then by size.
    pub(super) fn compare_worst(&self, other: &Self) -> Ordering {
        let rank = |one: &Self| (one.is_failure, one.differing == 0);
        rank(other)
            .cmp(&rank(self))
            .then(other.max_absolute.total_cmp(&self.max_absolute))
            .then(self.record.cmp(&other.record))
    }
}
