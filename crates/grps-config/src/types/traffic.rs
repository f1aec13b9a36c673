//! `traffic` of `inference.yml`.

use serde::{Deserialize, Serialize};

/// One entry of `traffic`: how requests for a model without a version are divided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrafficConfig {
    /// The name of the model.
    pub model: String,
    /// Versions and their weights, as they are written.
    pub weights: Vec<(String, String)>,
    /// The header that keeps requests with one version.
    pub sticky_header: Option<String>,
    /// The version that gets copies.
    pub shadow: Option<ShadowConfig>,
    /// Steps and rules of the candidate.
    pub rollout: Option<RolloutConfig>,
}

/// A version that gets copies of requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShadowConfig {
    /// The version.
    pub version: String,
    /// Share of the requests that are copied.
    pub share_percent: f64,
    /// Most copies at once.
    pub max_in_flight: usize,
    /// Most bytes of copies.
    pub max_bytes: usize,
    /// Longest time of a copy.
    pub timeout_ms: u64,
    /// By how much numbers may differ.
    pub absolute_tolerance: f64,
    /// By which part numbers may differ.
    pub relative_tolerance: f64,
}

/// How a candidate gets more requests, and when it loses them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutConfig {
    /// The candidate.
    pub version: Option<String>,
    /// Its shares, ascending.
    pub steps_percent: Vec<f64>,
    /// Time at each share.
    pub step_seconds: u64,
    /// Requests before a step, or a rule, looks at it.
    pub min_requests: u64,
    /// Its failures, beyond those of the others.
    pub max_error_percent: f64,
    /// Its p99 as a multiple of that of the others.
    pub max_latency_factor: Option<f64>,
    /// Copies that differ.
    pub max_difference_percent: f64,
}

impl TrafficConfig {
    /// The weight that a text such as `90` or `90%` stands for; `None` for none.
    pub fn weight_of(text: &str) -> Option<f64> {
        let number = text.strip_suffix('%').unwrap_or(text);
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let fits = |digits: &str, most| {
            (1..=most).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        let weight = number.parse().ok().filter(|_| fits(whole, 7) && fits(part, 6));
        weight.filter(|weight| *weight <= 1e6)
    }

    /// Versions and their weights.
    pub fn shares(&self) -> impl Iterator<Item = (&str, f64)> {
        let pairs = self.weights.iter();
        pairs.map(|(version, text)| (version.as_str(), Self::weight_of(text).unwrap_or_default()))
    }
}
