//! Tests of a rollout second by second.

use super::*;

fn spec() -> RolloutSpec {
    RolloutSpec {
        version: None,
        steps_percent: vec![10.0, 50.0, 100.0],
        step: Duration::from_secs(5),
        min_requests: 50,
        max_error_percent: Some(1.0),
        max_latency_factor: None,
        max_difference_percent: Some(1.0),
    }
}

/// A candidate under test: its counts so far, and the time.
struct Run {
    spec: RolloutSpec,
    rollout: Rollout,
    now: Moment,
    percent: f64,
    has_shadow: bool,
}

impl Run {
    fn new(percent: f64, has_shadow: bool) -> Self {
        let (candidate, others, copies) = Default::default();
        let now = Moment { at: Instant::now(), candidate, others, copies };
        let rollout = Rollout::new(Phase::Running);
        let mut run = Self { spec: spec(), rollout, now, percent, has_shadow };
        assert!(run.tick().is_none());
        run
    }

    fn tick(&mut self) -> Option<Decision> {
        let now = self.now.clone();
        let decision = self.rollout.tick(&self.spec, now, self.percent, self.has_shadow)?;
        self.percent = decision.percent.unwrap_or(self.percent);
        let weights = Weights::new(vec![("1".into(), 1.0)]).unwrap();
        let (at, action) = (SystemTime::now(), decision.action);
        let event = Event { at, action, reason: decision.reason.clone(), weights };
        self.rollout.note(decision.phase, event);
        Some(decision)
    }

    /// The next second, with so many requests, failures and copies that differ.
    fn second(&mut self, requests: u64, failed: u64, different: u64) -> Option<Decision> {
        self.now.at += Duration::from_secs(1);
        self.now.candidate.requests += requests;
        self.now.candidate.failed += failed;
        self.now.others.requests += 100;
        if self.has_shadow {
            self.now.copies.ended += 20;
            self.now.copies.different += different;
        }
        self.tick()
    }

    /// Seconds until something is decided.
    fn until_decided(&mut self, requests: u64) -> (usize, Decision) {
        for second in 1..=1000 {
            if let Some(decision) = self.second(requests, 0, 0) {
                return (second, decision);
            }
        }
        panic!("nothing was decided")
    }
}

#[test]
fn a_candidate_goes_from_step_to_step() {
    let mut run = Run::new(1.0, false);
    let mut seen = Vec::new();
    for _ in 0..4 {
        let (_, decision) = run.until_decided(20);
        seen.push((decision.action, decision.percent));
    }
    let steps = [10.0, 50.0, 100.0].map(|percent| ("promote", Some(percent)));
    assert_eq!(seen[..3], steps);
    assert_eq!(seen[3], ("done", None));
    assert_eq!(run.rollout.phase, Phase::Done);
    assert_eq!(run.rollout.events.len(), 4);
    // Nothing is decided any more.
    assert!((0..100).all(|_| run.second(20, 20, 0).is_none()));
}

#[test]
fn a_step_takes_its_time_and_its_requests() {
    let mut run = Run::new(1.0, false);
    assert_eq!(run.until_decided(100).0, 5);
    // The first moment after a change is the one that the next step counts from.
    assert_eq!(run.until_decided(100).0, 6);
    let mut run = Run::new(1.0, false);
    assert_eq!(run.until_decided(5).0, 10);
}

#[test]
fn a_candidate_without_requests_begins_with_the_first_step() {
    assert_eq!(Run::new(0.0, false).until_decided(0).0, 5);
    // With a shadow it has its copies first: 20 a second.
    let mut run = Run::new(0.0, true);
    run.spec.min_requests = 200;
    assert_eq!(run.until_decided(0).0, 10);
}

#[test]
fn steps_wait_while_paused_and_rules_apply() {
    let mut run = Run::new(10.0, false);
    run.rollout.phase = Phase::Paused;
    assert!((0..100).all(|_| run.second(20, 0, 0).is_none()));
    let decision = run.second(20, 20, 0).unwrap();
    assert_eq!((decision.action, decision.percent), ("rollback", Some(0.0)));
    assert_eq!(run.rollout.phase, Phase::RolledBack);
    assert!((0..100).all(|_| run.second(20, 20, 0).is_none()));
}

#[test]
fn a_version_that_turns_bad_after_an_hour_is_rolled_back_at_once() {
    let mut run = Run::new(10.0, true);
    run.spec.step = Duration::from_secs(7200);
    assert!((0..3600).all(|_| run.second(10, 0, 0).is_none()));
    let decision = run.second(10, 10, 0).unwrap();
    assert!(decision.reason.starts_with("errors: 10 of "), "{}", decision.reason);
    assert!(run.rollout.moments.len() <= LONGEST_WINDOW_S + 1);

    let mut run = Run::new(10.0, true);
    run.spec.step = Duration::from_secs(7200);
    assert!((0..3600).all(|_| run.second(10, 0, 0).is_none()));
    let decision = run.second(10, 0, 20).unwrap();
    assert!(decision.reason.starts_with("differences: 20 of "), "{}", decision.reason);
}

#[test]
fn few_requests_are_gathered_for_up_to_a_minute() {
    let mut run = Run::new(10.0, false);
    run.spec.steps_percent.clear();
    // One request a second, of which one in ten fails: 50 requests are enough.
    let decided = (1..=200).find(|second| run.second(1, u64::from(second % 10 == 0), 0).is_some());
    assert_eq!(decided, Some(50));
}

#[test]
fn events_are_bounded() {
    let mut rollout = Rollout::new(Phase::Steady);
    let weights = Weights::new(vec![("1".into(), 1.0)]).unwrap();
    for number in 0..=MAX_EVENTS {
        let (at, reason) = (SystemTime::now(), number.to_string());
        let event = Event { at, action: "set", reason, weights: weights.clone() };
        rollout.note(Phase::Steady, event);
    }
    assert_eq!(rollout.events.len(), MAX_EVENTS);
    assert_eq!(rollout.events[0].reason, MAX_EVENTS.to_string());
}

#[test]
fn a_candidate_with_few_requests_that_all_fail_is_rolled_back_and_makes_no_step() {
    let mut run = Run::new(10.0, false);
    run.spec.step = Duration::from_secs(60);
    let decision = (0..200).find_map(|second| {
        let requests = u64::from(second % 2 == 0);
        run.second(requests, requests, 0)
    });
    let decision = decision.unwrap();
    assert_eq!(decision.action, "rollback", "{decision:?}");
    assert!(decision.reason.starts_with("errors: 50 of 50"), "{}", decision.reason);
}
