//! Tests of the rules at their limits.

use super::*;
use crate::metrics::Histogram;

fn spec() -> RolloutSpec {
    RolloutSpec {
        version: None,
        steps_percent: Vec::new(),
        step: Duration::from_secs(60),
        min_requests: 50,
        max_error_percent: Some(1.0),
        max_latency_factor: Some(2.0),
        max_difference_percent: Some(1.0),
    }
}

fn requests(requests: u64, failed: u64, each_ms: u64) -> Totals {
    let histogram = Histogram::default();
    (0..requests).for_each(|_| histogram.add(Duration::from_millis(each_ms)));
    Totals { requests, failed, durations: histogram.read() }
}

fn all(candidate: &Totals) -> Candidate<'_> {
    Candidate { requests: candidate, p99: candidate }
}

fn rule(candidate: &Totals, copies: Copies, others: &Totals) -> Option<String> {
    broken(&spec(), all(candidate), copies, Reference::of(others, 50))
}

#[test]
fn errors_count_beyond_those_of_the_others() {
    let others = requests(1000, 20, 10);
    // 2 % of the others and 1 % more are allowed.
    let rule = |candidate: &Totals| rule(candidate, Copies::default(), &others);
    assert_eq!(rule(&requests(1000, 30, 10)), None);
    let told = rule(&requests(1000, 31, 10)).unwrap();
    assert!(told.starts_with("errors: 31 of 1000 requests failed (3.1 %, the others 2.0 %"));
}

#[test]
fn a_few_requests_or_failures_are_no_share() {
    let none = Totals::default();
    let rule = |candidate: &Totals| rule(candidate, Copies::default(), &none);
    assert_eq!(rule(&requests(49, 49, 10)), None);
    assert!(rule(&requests(50, 50, 10)).is_some());
    assert_eq!(rule(&requests(50, 2, 10)), None);
    assert!(rule(&requests(50, 3, 10)).is_some());
}

#[test]
fn latency_is_compared_with_that_of_the_others() {
    let slow = requests(100, 0, 300);
    let rule = |candidate: &Totals, others: &Totals| rule(candidate, Copies::default(), others);
    assert!(rule(&slow, &requests(100, 0, 100)).unwrap().starts_with("latency: p99 3"));
    assert_eq!(rule(&slow, &requests(100, 0, 200)), None);
    // The p99 of fewer than 100 is not looked at, on either side.
    assert_eq!(rule(&slow, &requests(99, 0, 100)), None);
    assert_eq!(rule(&requests(99, 0, 300), &requests(100, 0, 100)), None);
    assert_eq!(rule(&slow, &Totals::default()), None);
}

#[test]
fn differences_are_a_share_of_the_copies() {
    let none = Totals::default();
    let rule = |ended, different| rule(&none, Copies { ended, different }, &none);
    assert_eq!(rule(300, 3), None);
    assert!(rule(300, 4).unwrap().starts_with("differences: 4 of 300 copies"));
    assert_eq!(rule(49, 49), None);
    assert_eq!(rule(50, 2), None);
    assert!(rule(50, 3).is_some());
}

#[test]
fn a_rule_that_is_left_out_is_not_applied() {
    let spec = RolloutSpec {
        max_error_percent: None,
        max_latency_factor: None,
        max_difference_percent: None,
        ..spec()
    };
    let copies = Copies { ended: 100, different: 100 };
    let reference = Reference::of(&requests(100, 0, 1), 50);
    assert_eq!(broken(&spec, all(&requests(100, 100, 100)), copies, reference), None);
}

#[test]
fn a_p99_stays_known_when_the_others_get_few_requests() {
    let known = Reference::renewed(None, &requests(200, 0, 10), &requests(200, 0, 10), 50).unwrap();
    let few =
        Reference::renewed(Some(known), &requests(60, 0, 90), &requests(60, 0, 90), 50).unwrap();
    assert_eq!(few.p99, known.p99);
    let none = Reference::renewed(Some(few), &requests(1, 1, 90), &requests(1, 1, 90), 50).unwrap();
    assert_eq!(none.p99, known.p99);
    assert!(none.failed_percent < 1e-9);
    assert!(Reference::renewed(None, &requests(1, 0, 1), &requests(1, 0, 1), 50).is_none());
}
