//! The traffic of a name while the service runs, and how operators see it.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::traffic::rollout::{Event, Phase, Rollout};
use crate::traffic::shadow::{Shadow, ShadowCounts};
use crate::traffic::spec::{RolloutSpec, ShadowSpec, TrafficSpec};
use crate::traffic::weights::Weights;

/// The traffic of a name; clones share all but the weights.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) spec: Arc<TrafficSpec>,
    /// The weights at present.
    pub(crate) weights: Weights,
    pub(crate) shadow: Option<Arc<Shadow>>,
    pub(crate) rollout: Arc<Mutex<Rollout>>,
    /// Changes with each change of the traffic: a decision that is based on another one is stale.
    pub(crate) revision: u64,
}

impl Entry {
    pub(crate) fn new(spec: TrafficSpec) -> Self {
        let phase = if spec.rollout.is_some() { Phase::Running } else { Phase::Steady };
        let shadow = spec.shadow.clone().map(|shadow| Arc::new(Shadow::new(shadow)));
        let weights = spec.weights.clone();
        let rollout = Arc::new(Mutex::new(Rollout::new(phase)));
        Self { spec: Arc::new(spec), weights, shadow, rollout, revision: 0 }
    }

    /// Whether a version gets copies, or nothing, in place of requests.
    pub(crate) fn is_spare(&self, version: &str) -> bool {
        let is_shadow = self.spec.shadow.as_ref().is_some_and(|one| one.version == version);
        (is_shadow || self.weights.has(version)) && self.weights.percent(version) == 0.0
    }

    /// What operators see.
    pub(crate) fn state(&self) -> TrafficState {
        let rollout = self.rollout.lock();
        let progress = rollout.progress();
        let spec = &*self.spec;
        let shadow = self.shadow.as_deref();
        TrafficState {
            model: spec.model.clone(),
            candidate: spec.candidate().to_owned(),
            weights: self.weights.clone(),
            sticky_header: spec.sticky_header.clone(),
            phase: rollout.phase,
            events: rollout.events.iter().cloned().collect(),
            changes: rollout.changes.iter().map(|(action, count)| (*action, *count)).collect(),
            shadow: shadow
                .map(|shadow| ShadowState { spec: shadow.spec().clone(), counts: shadow.counts() }),
            rollout: spec.rollout.clone().map(|spec| RolloutState {
                spec,
                seconds: progress.0.as_secs(),
                requests: progress.1,
            }),
        }
    }
}

/// The traffic of a name, as operators see it.
#[derive(Clone, Debug)]
pub struct TrafficState {
    /// The name of the model.
    pub model: String,
    /// The version that is promoted and rolled back.
    pub candidate: String,
    /// The weights at present.
    pub weights: Weights,
    /// What keeps requests with one version.
    pub sticky_header: Option<String>,
    /// What is done with the candidate.
    pub phase: Phase,
    /// The latest changes, the latest first.
    pub events: Vec<Event>,
    /// How often each action was done.
    pub changes: Vec<(&'static str, u64)>,
    /// The shadow version.
    pub shadow: Option<ShadowState>,
    /// Steps and rules.
    pub rollout: Option<RolloutState>,
}

/// A shadow version and its copies.
#[derive(Clone, Debug)]
pub struct ShadowState {
    /// How it is configured.
    pub spec: ShadowSpec,
    /// Its copies since the start.
    pub counts: ShadowCounts,
}

/// Steps and rules, and how far they are.
#[derive(Clone, Debug)]
pub struct RolloutState {
    /// How it is configured.
    pub spec: RolloutSpec,
    /// How long the weights stand.
    pub seconds: u64,
    /// Requests and copies of the candidate since then.
    pub requests: u64,
}
