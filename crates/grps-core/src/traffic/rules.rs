//! When a candidate loses its requests.

use std::time::Duration;

use crate::traffic::spec::RolloutSpec;
use crate::traffic::totals::{Copies, Totals};

/// So many requests must have failed, or copies differed, before their share counts.
const MIN_FAULTS: u64 = 3;
/// A p99 of fewer requests is the longest of them, whatever the rest does.
pub(crate) const MIN_LATENCIES: u64 = 100;

/// What the versions besides the candidate did; it stays known when they get no requests any more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reference {
    pub(crate) failed_percent: f64,
    /// `None` of too few requests.
    pub(crate) p99: Option<Duration>,
}

impl Reference {
    /// What these requests did; `None` of too few.
    pub(crate) fn of(others: &Totals, min_requests: u64) -> Option<Self> {
        if others.requests < min_requests {
            return None;
        }
        let enough = others.durations.count() >= MIN_LATENCIES;
        let p99 = enough.then(|| others.durations.percentile(99.0));
        Some(Self { failed_percent: others.failed_percent(), p99 })
    }

    /// What the latest requests did; what these are too few for stays as it was.
    pub(crate) fn renewed(
        old: Option<Self>,
        others: &Totals,
        for_p99: &Totals,
        min_requests: u64,
    ) -> Option<Self> {
        let p99 = Self::of(for_p99, min_requests).and_then(|found| found.p99);
        let p99 = p99.or(old.and_then(|old| old.p99));
        Some(Self { p99, ..Self::of(others, min_requests).or(old)? })
    }
}

/// The latest requests of a candidate, and as many as its p99 needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) requests: &'a Totals,
    pub(crate) p99: &'a Totals,
}

/// The first rule that a candidate breaks, as one line.
pub(crate) fn broken(
    spec: &RolloutSpec,
    candidate: Candidate<'_>,
    copies: Copies,
    reference: Option<Reference>,
) -> Option<String> {
    errors(spec, candidate.requests, reference)
        .or_else(|| latency(spec, candidate.p99, reference))
        .or_else(|| differences(spec, copies))
}

fn errors(spec: &RolloutSpec, candidate: &Totals, others: Option<Reference>) -> Option<String> {
    let limit = spec.max_error_percent?;
    if candidate.requests < spec.min_requests || candidate.failed < MIN_FAULTS {
        return None;
    }
    let (own, others) =
        (candidate.failed_percent(), others.map_or(0.0, |others| others.failed_percent));
    (own > others + limit).then(|| {
        let (failed, requests) = (candidate.failed, candidate.requests);
        format!(
            "errors: {failed} of {requests} requests failed ({own:.1} %, the others {others:.1} %, \
             max_error_percent {limit})"
        )
    })
}

fn latency(spec: &RolloutSpec, candidate: &Totals, others: Option<Reference>) -> Option<String> {
    let limit = spec.max_latency_factor?;
    let others = others?.p99?;
    if candidate.durations.count() < spec.min_requests.max(MIN_LATENCIES) {
        return None;
    }
    let own = candidate.durations.percentile(99.0);
    (own > others.mul_f64(limit)).then(|| {
        let (own, others) = (own.as_secs_f64() * 1e3, others.as_secs_f64() * 1e3);
        format!("latency: p99 {own:.1} ms, the others {others:.1} ms (max_latency_factor {limit})")
    })
}

fn differences(spec: &RolloutSpec, copies: Copies) -> Option<String> {
    let limit = spec.max_difference_percent?;
    if copies.ended < spec.min_requests || copies.different < MIN_FAULTS {
        return None;
    }
    let own = copies.different_percent();
    (own > limit).then(|| {
        let Copies { ended, different } = copies;
        format!(
            "differences: {different} of {ended} copies failed or had another output ({own:.1} %, \
             max_difference_percent {limit})"
        )
    })
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
