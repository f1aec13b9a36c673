//! What is configured of the traffic of a name.

use std::time::Duration;

use crate::compare::Tolerance;
use crate::traffic::weights::Weights;

/// How the requests for a model's name are divided.
#[derive(Clone, Debug)]
pub struct TrafficSpec {
    /// The name of the model.
    pub model: String,
    /// The weights of its versions at the start.
    pub weights: Weights,
    /// The header or gRPC metadata whose value keeps requests with one version.
    pub sticky_header: Option<String>,
    /// The version that gets copies.
    pub shadow: Option<ShadowSpec>,
    /// Steps and rules of the candidate.
    pub rollout: Option<RolloutSpec>,
}

impl TrafficSpec {
    /// Weights alone.
    pub fn of_weights(model: &str, weights: Weights) -> Self {
        let (sticky_header, shadow, rollout) = Default::default();
        Self { model: model.to_owned(), weights, sticky_header, shadow, rollout }
    }

    /// The version that is promoted and rolled back: that of the rollout, that of the shadow, or the
    /// last one of the weights.
    pub fn candidate(&self) -> &str {
        let named = self.rollout.as_ref().and_then(|rollout| rollout.version.as_deref());
        let shadow = self.shadow.as_ref().map(|shadow| shadow.version.as_str());
        named.or(shadow).unwrap_or_else(|| self.weights.last())
    }
}

/// A version that gets copies of requests; its output is compared and dropped.
#[derive(Clone, Debug)]
pub struct ShadowSpec {
    /// The version.
    pub version: String,
    /// The share of requests that are copied, in percent.
    pub share_percent: f64,
    /// Most copies at once.
    pub max_in_flight: usize,
    /// Most bytes of the inputs and outputs of copies.
    pub max_bytes: usize,
    /// How long a copy may take.
    pub timeout: Duration,
    /// How far its numbers may be from those of the version that replied.
    pub tolerance: Tolerance,
}

/// How a candidate gets more requests, and when it loses them.
#[derive(Clone, Debug)]
pub struct RolloutSpec {
    /// The candidate; see [`TrafficSpec::candidate`].
    pub version: Option<String>,
    /// Its shares in percent, ascending; without any it stays where it is.
    pub steps_percent: Vec<f64>,
    /// How long it stays at each step at least.
    pub step: Duration,
    /// Requests that the candidate must have had before a rule or a step looks at them.
    pub min_requests: u64,
    /// It loses its requests when the share of failed ones is larger than that of the others by more.
    pub max_error_percent: Option<f64>,
    /// The same when its p99 is so many times that of the others.
    pub max_latency_factor: Option<f64>,
    /// The same when the share of copies whose output differs is larger.
    pub max_difference_percent: Option<f64>,
}
