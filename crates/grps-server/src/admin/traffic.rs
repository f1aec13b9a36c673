//! The traffic between versions of models: as it is configured, and as operators see it.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use grps_core::compare::Tolerance;
use grps_core::metrics::{Minute, Name};
use grps_core::{
    Error, Event, RolloutSpec, RolloutState, ShadowSpec, ShadowState, Shed, TrafficSpec,
    TrafficState, Weights,
};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use crate::app::App;

/// The traffic of a name as it is configured.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrafficSettings {
    model: String,
    /// In the order of the file.
    weights: Vec<(String, f64)>,
    sticky_header: Option<String>,
    shadow: Option<ShadowSettings>,
    rollout: Option<RolloutSettings>,
}

/// A shadow version.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ShadowSettings {
    version: String,
    share_percent: f64,
    max_in_flight: usize,
    max_bytes: usize,
    timeout_ms: u64,
    absolute_tolerance: f64,
    relative_tolerance: f64,
}

/// Steps and rules.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RolloutSettings {
    version: Option<String>,
    steps_percent: Vec<f64>,
    step_seconds: u64,
    min_requests: u64,
    max_error_percent: f64,
    max_latency_factor: Option<f64>,
    max_difference_percent: f64,
}

impl TrafficSettings {
    /// Reads the settings from JSON.
    ///
    /// # Errors
    /// `InvalidArgument` for JSON of another form, and for weights that can't be used.
    pub fn read(json: &str) -> Result<TrafficSpec, Error> {
        let settings = serde_json::from_str::<Self>(json);
        let settings = settings.map_err(|error| Error::invalid(format!("traffic: {error}")))?;
        let shadow = settings.shadow.map(ShadowSettings::into_spec).transpose()?;
        let has_shadow = shadow.is_some();
        Ok(TrafficSpec {
            model: settings.model,
            weights: Weights::new(settings.weights)?,
            sticky_header: settings.sticky_header,
            shadow,
            rollout: settings.rollout.map(|rollout| rollout.into_spec(has_shadow)),
        })
    }
}

impl ShadowSettings {
    fn into_spec(self) -> Result<ShadowSpec, Error> {
        let tolerance = Tolerance::new(self.absolute_tolerance, self.relative_tolerance);
        Ok(ShadowSpec {
            version: self.version,
            share_percent: self.share_percent,
            max_in_flight: self.max_in_flight,
            max_bytes: self.max_bytes,
            timeout: Duration::from_millis(self.timeout_ms),
            tolerance: tolerance.map_err(|error| Error::invalid(error.to_string()))?,
        })
    }
}

impl RolloutSettings {
    fn into_spec(self, has_shadow: bool) -> RolloutSpec {
        RolloutSpec {
            version: self.version,
            steps_percent: self.steps_percent,
            step: Duration::from_secs(self.step_seconds),
            min_requests: self.min_requests,
            max_error_percent: Some(self.max_error_percent),
            max_latency_factor: self.max_latency_factor,
            max_difference_percent: has_shadow.then_some(self.max_difference_percent),
        }
    }
}

/// The weights that an operator sends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SentWeights {
    #[serde(deserialize_with = "in_order")]
    pub(crate) weights: Vec<(String, f64)>,
}

/// The pairs of an object in their order; a key that is there twice stays twice.
fn in_order<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, f64)>, D::Error> {
    struct Pairs;

    impl<'de> Visitor<'de> for Pairs {
        type Value = Vec<(String, f64)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("versions and their weights")
        }

        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
            let mut pairs = Vec::new();
            while let Some(pair) = map.next_entry()? {
                pairs.push(pair);
            }
            Ok(pairs)
        }
    }

    deserializer.deserialize_map(Pairs)
}

/// The traffic of all names, as operators see it.
pub(crate) fn describe_all(app: &App) -> Vec<Value> {
    app.engine.registry().traffic().iter().map(|state| describe(app, state)).collect()
}

/// The traffic of all names for all who may read: without values of outputs.
pub(crate) fn describe_all_without_values(app: &App) -> Vec<Value> {
    let mut all = describe_all(app);
    for latest in all.iter_mut().filter_map(|state| state.pointer_mut("/shadow/latest")) {
        *latest = Value::Null;
    }
    all
}

/// The traffic of a name, as operators see it.
pub(crate) fn describe(app: &App, state: &TrafficState) -> Value {
    json!({
        "model": state.model,
        "phase": state.phase.name(),
        "candidate": state.candidate,
        "sticky_header": state.sticky_header,
        "versions": versions(app, state),
        "shadow": state.shadow.as_ref().map(describe_shadow),
        "rollout": state.rollout.as_ref().map(describe_rollout),
        "events": state.events.iter().map(describe_event).collect::<Vec<_>>(),
    })
}

fn versions(app: &App, state: &TrafficState) -> Vec<Value> {
    let served = app.engine.registry().versions(&state.model);
    let is_served = |version: &str| {
        let mut models = served.iter().filter_map(|route| route.models().first());
        models.any(|model| model.spec().version == version)
    };
    let shadow = state.shadow.as_ref().map(|shadow| shadow.spec.version.as_str());
    let mut named: Vec<&str> = state.weights.iter().map(|(version, _)| version).collect();
    named.extend([Some(&*state.candidate), shadow].into_iter().flatten());
    let mut listed: Vec<&str> = Vec::new();
    named.into_iter().for_each(|version| {
        if !listed.contains(&version) {
            listed.push(version);
        }
    });
    let describe = |version: &str| {
        let name = Name::Route(format!("{}-{version}", state.model));
        let minute = app.monitor.latest_minute_of(&name);
        json!({
            "version": version,
            "percent": rounded(state.weights.percent(version)),
            "served": is_served(version),
            "minute": describe_minute(&minute),
        })
    };
    listed.into_iter().map(describe).collect()
}

fn describe_minute(minute: &Minute) -> Value {
    let p99_ms = minute.duration.percentile(99.0).as_secs_f64() * 1e3;
    json!({
        "requests": minute.succeeded + minute.failed,
        "failed": minute.failed,
        "p99_ms": (minute.duration.count() > 0).then_some(p99_ms),
    })
}

fn describe_shadow(shadow: &ShadowState) -> Value {
    let (spec, counts) = (&shadow.spec, &shadow.counts);
    let shed = Shed::ALL.into_iter().zip(counts.shed);
    let shed: Map<_, _> =
        shed.map(|(reason, count)| (reason.name().to_owned(), count.into())).collect();
    json!({
        "version": spec.version,
        "share_percent": spec.share_percent,
        "in_flight": counts.in_flight,
        "bytes": counts.bytes,
        "equal": counts.equal,
        "within_tolerance": counts.within_tolerance,
        "different": counts.different,
        "failed": counts.failed,
        "shed": shed,
        "max_absolute": counts.max_absolute,
        "max_relative": counts.max_relative,
        "latest": counts.latest,
    })
}

fn describe_rollout(rollout: &RolloutState) -> Value {
    let RolloutState { spec, seconds, requests } = rollout;
    json!({
        "steps_percent": spec.steps_percent,
        "step_seconds": spec.step.as_secs(),
        "min_requests": spec.min_requests,
        "max_error_percent": spec.max_error_percent,
        "max_latency_factor": spec.max_latency_factor,
        "max_difference_percent": spec.max_difference_percent,
        "seconds": seconds,
        "requests": requests,
    })
}

fn describe_event(event: &Event) -> Value {
    let time = event.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let weights = event.weights.iter();
    let percent = |version: &str| rounded(event.weights.percent(version));
    let weights: Map<_, _> =
        weights.map(|(version, _)| (version.to_owned(), percent(version).into())).collect();
    json!({"time": time, "action": event.action, "reason": event.reason, "percent": weights})
}

/// A share in thousandths of a percent.
fn rounded(percent: f64) -> f64 {
    (percent * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read() {
        let json = r#"{"model": "m", "weights": [["1", 90], ["2", 10.5]], "sticky_header": null,
            "shadow": {"version": "2", "share_percent": 10, "max_in_flight": 4, "max_bytes": 100,
                "timeout_ms": 50, "absolute_tolerance": 0.1, "relative_tolerance": 0},
            "rollout": {"version": null, "steps_percent": [1, 100], "step_seconds": 60,
                "min_requests": 50, "max_error_percent": 1, "max_latency_factor": null,
                "max_difference_percent": 2}}"#;
        let spec = TrafficSettings::read(json).unwrap();
        assert_eq!(spec.weights.iter().last(), Some(("2", 10.5)));
        assert_eq!(spec.candidate(), "2");
        assert_eq!(spec.rollout.unwrap().max_difference_percent, Some(2.0));
        assert!(TrafficSettings::read("{}").unwrap_err().message().starts_with("traffic: missing"));
    }

    #[test]
    fn without_a_shadow_there_is_no_rule_of_differences() {
        let json = r#"{"model": "m", "weights": [["1", 1]], "rollout": {"steps_percent": [],
            "step_seconds": 1, "min_requests": 1, "max_error_percent": 1,
            "max_difference_percent": 2}}"#;
        let rollout = TrafficSettings::read(json).unwrap().rollout.unwrap();
        assert_eq!(rollout.max_difference_percent, None);
    }

    #[test]
    fn sent_weights_keep_their_order() {
        let sent: SentWeights =
            serde_json::from_str(r#"{"weights": {"2": 1, "10": 2.5, "1": 0}}"#).unwrap();
        let versions: Vec<_> = sent.weights.iter().map(|(version, _)| version.as_str()).collect();
        assert_eq!(versions, ["2", "10", "1"]);
        let twice: SentWeights = serde_json::from_str(r#"{"weights": {"1": 1, "1": 2}}"#).unwrap();
        assert!(Weights::new(twice.weights).unwrap_err().message().contains("listed twice"));
        for body in ["{}", r#"{"weights": [1]}"#, r#"{"weights": {"1": "90"}}"#] {
            assert!(serde_json::from_str::<SentWeights>(body).is_err(), "{body}");
        }
    }
}
