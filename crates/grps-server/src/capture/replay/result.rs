//! What a replay found.

use std::collections::BTreeMap;

use grps_core::compare::{Comparison, Verdict};
use serde::Serialize;

use super::difference::Difference;

/// Most differences that are kept.
const MAX_WORST: usize = 10;

/// What a replay found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ReplayResult {
    /// Replies that came, failures included.
    pub replies: u64,
    /// Replies that were compared with the recorded ones.
    pub compared: u64,
    /// Of them, those that are equal.
    pub equal: u64,
    /// Those that differ by no more than the tolerance.
    pub within_tolerance: u64,
    /// Those that differ by more.
    pub different: u64,
    /// Requests that succeeded when they were recorded and failed this time, or the other way round.
    pub other_outcomes: u64,
    /// Requests whose recorded outcome was one of that time, such as a full queue.
    pub not_compared: u64,
    /// The largest difference of two numbers.
    pub max_absolute: f64,
    /// The largest difference as a part of the recorded number.
    pub max_relative: f64,
    /// The same by the model or graph that was recorded.
    pub routes: BTreeMap<String, RouteResult>,
    /// The worst differences, the worst first.
    pub worst: Vec<Difference>,
}

/// What a replay found of one model or graph.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RouteResult {
    /// Replies that were compared.
    pub compared: u64,
    /// Those that differ by more than the tolerance, other outcomes included.
    pub different: u64,
    /// The largest difference of two numbers.
    pub max_absolute: f64,
    /// The largest difference as a part of the recorded number.
    pub max_relative: f64,
}

impl ReplayResult {
    /// Adds replies that can't be compared.
    pub(super) fn add_not_compared(&mut self) {
        self.replies += 1;
        self.not_compared += 1;
    }

    /// Adds a reply that failed as the recorded one did.
    pub(super) fn add_equal_failure(&mut self, route: &str) {
        self.replies += 1;
        self.compared += 1;
        self.equal += 1;
        self.route(route).compared += 1;
    }

    /// Adds a reply with another outcome than the recorded one.
    pub(super) fn add_other_outcome(&mut self, difference: Difference) {
        self.replies += 1;
        self.compared += 1;
        self.other_outcomes += 1;
        let route = self.route(&difference.route);
        route.compared += 1;
        route.different += 1;
        self.keep(difference);
    }

    /// Adds the comparison of two replies, with the difference if there is one.
    pub(super) fn add_comparison(
        &mut self,
        route: &str,
        found: &Comparison,
        difference: Option<Difference>,
    ) {
        self.replies += 1;
        self.compared += 1;
        match found.verdict() {
            Verdict::Equal => self.equal += 1,
            Verdict::WithinTolerance => self.within_tolerance += 1,
            Verdict::Different => self.different += 1,
        }
        self.max_absolute = self.max_absolute.max(found.max_absolute);
        self.max_relative = self.max_relative.max(found.max_relative);
        let route = self.route(route);
        route.compared += 1;
        route.different += u64::from(difference.is_some());
        route.max_absolute = route.max_absolute.max(found.max_absolute);
        route.max_relative = route.max_relative.max(found.max_relative);
        if let Some(difference) = difference {
            self.keep(difference);
        }
    }

    fn route(&mut self, route: &str) -> &mut RouteResult {
        self.routes.entry(route.to_owned()).or_default()
    }

    fn keep(&mut self, difference: Difference) {
        let at = self.worst.partition_point(|one| one.compare_worst(&difference).is_lt());
        if at < MAX_WORST {
            self.worst.insert(at, difference);
            self.worst.truncate(MAX_WORST);
        }
    }
}
