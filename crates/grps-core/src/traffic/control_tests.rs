//! Tests of operators who act while rules decide.

use std::time::Duration;

use super::*;
use crate::metrics::Protocol;
use crate::models::model::Model;
use crate::models::model_spec::ModelSpec;
use crate::request::content::InputForm;
use crate::traffic::spec::RolloutSpec;

/// A registry whose candidate is due for its next step.
struct Due(Registry, Instant);

impl Due {
    fn new() -> Self {
        let registry = Registry::default();
        for version in ["1", "2"] {
            let spec = ModelSpec::new("m", version, InputForm::Message);
            registry.add(Model::pulled(spec).0).unwrap();
        }
        let begin = Instant::now();
        let due = Self(registry, begin);
        due.put();
        due
    }

    fn put(&self) {
        let weights = Weights::new(vec![("1".into(), 90.0), ("2".into(), 10.0)]).unwrap();
        let rollout = RolloutSpec {
            version: None,
            steps_percent: vec![10.0, 50.0, 100.0],
            step: Duration::from_secs(5),
            min_requests: 10,
            max_error_percent: Some(1.0),
            max_latency_factor: None,
            max_difference_percent: None,
        };
        let rollout = Some(rollout);
        let spec = TrafficSpec { rollout, ..TrafficSpec::of_weights("m", weights) };
        self.0.put_traffic(spec).unwrap();
        assert!(self.0.decide_traffic(self.1).is_empty());
        let stats = self.0.stats().route("m-2");
        for _ in 0..10 {
            let outcomes = &stats.for_protocol(Protocol::ALL[0]).outcomes;
            outcomes.count_start();
            outcomes.count_end(None);
        }
    }

    fn decide(&self) -> Vec<Decided> {
        let decided = self.0.decide_traffic(self.1 + Duration::from_secs(6));
        assert_eq!(decided.len(), 1);
        assert_eq!(decided[0].decision.percent, Some(50.0));
        decided
    }

    /// The share of the candidate and the phase, once a tick has ended during which `act` was done.
    fn after(&self, act: impl FnOnce(&Registry)) -> (f64, Phase) {
        let decided = self.decide();
        act(&self.0);
        decided.into_iter().for_each(|one| self.0.apply_decided(one));
        let state = self.0.traffic_of("m").unwrap();
        (state.weights.percent("2"), state.phase)
    }
}

#[test]
fn a_decision_is_applied() {
    assert_eq!(Due::new().after(|_| {}), (50.0, Phase::Running));
}

#[test]
fn a_decision_never_replaces_what_an_operator_does_meanwhile() {
    let weights = Weights::new(vec![("1".into(), 97.0), ("2".into(), 3.0)]).unwrap();
    let set = |registry: &Registry| drop(registry.set_weights("m", weights).unwrap());
    assert_eq!(Due::new().after(set), (3.0, Phase::Paused));
    let roll_back = |registry: &Registry| drop(registry.roll_back("m").unwrap());
    assert_eq!(Due::new().after(roll_back), (0.0, Phase::RolledBack));
    let pause = |registry: &Registry| drop(registry.pause("m", true).unwrap());
    assert_eq!(Due::new().after(pause), (10.0, Phase::Paused));
    let promote_twice = |registry: &Registry| {
        registry.promote("m").unwrap();
        registry.promote("m").unwrap();
    };
    assert_eq!(Due::new().after(promote_twice), (100.0, Phase::Running));
}

#[test]
fn a_decision_on_traffic_that_was_put_anew_is_dropped() {
    let due = Due::new();
    let decided = due.decide();
    due.put();
    decided.into_iter().for_each(|one| due.0.apply_decided(one));
    assert_eq!(due.0.traffic_of("m").unwrap().weights.percent("2"), 10.0);
}

#[test]
fn a_decision_counts_once() {
    let due = Due::new();
    let (first, second) = (due.decide(), due.decide());
    first.into_iter().chain(second).for_each(|one| due.0.apply_decided(one));
    assert_eq!(due.0.traffic_of("m").unwrap().events.len(), 1);
}
