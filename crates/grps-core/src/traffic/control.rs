//! What operators and rules do with the traffic of a service.

use std::time::{Instant, SystemTime};

use crate::error::{Cause, Error};
use crate::metrics::StatsRegistry;
use crate::models::registry::Registry;
use crate::models::routes::Catalog;
use crate::text::{quoted, shown};
use crate::traffic::rollout::{Decision, Event, Moment, Phase};
use crate::traffic::spec::TrafficSpec;
use crate::traffic::state::{Entry, TrafficState};
use crate::traffic::totals::{Copies, Totals};
use crate::traffic::weights::Weights;

/// What an operator is called in events.
const OPERATOR: &str = "by an operator";

impl Registry {
    /// Divides the requests for a name from here on, in place of an earlier division.
    ///
    /// # Errors
    /// `InvalidArgument` when a graph does not fit together with the main version.
    pub fn put_traffic(&self, spec: TrafficSpec) -> Result<(), Error> {
        let entry = Entry::new(spec);
        self.change(|catalog| {
            catalog.traffic.insert(entry.spec.model.clone(), entry);
            Ok(())
        })
    }

    /// The traffic of all names whose requests are divided.
    pub fn traffic(&self) -> Vec<TrafficState> {
        let catalog = self.catalog.lock();
        catalog.traffic.values().map(Entry::state).collect()
    }

    /// The traffic of a name.
    ///
    /// # Errors
    /// `NotFound` for a name whose requests are not divided.
    pub fn traffic_of(&self, name: &str) -> Result<TrafficState, Error> {
        find(&self.catalog.lock(), name).map(|entry| entry.state())
    }

    /// Sets the weights of versions. Steps pause; the rules of a rollout apply on.
    ///
    /// # Errors
    /// `NotFound` for a model or version that is not served.
    pub fn set_weights(&self, name: &str, weights: Weights) -> Result<TrafficState, Error> {
        let served = self.versions(name);
        let is_served = |version: &str| served.iter().any(|route| named(route) == version);
        if let Some((version, _)) = weights.iter().find(|(version, _)| !is_served(version)) {
            let known: Vec<_> = served.iter().map(named).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let (model, version) = (shown(name), quoted(version));
            let text = format!("model {model} serves no version {version}; it serves: {known}");
            return Err(Error::new(Cause::NotFound, text));
        }
        let phase = self.change(|catalog| {
            let added = || Entry::new(TrafficSpec::of_weights(name, weights.clone()));
            let entry = catalog.traffic.entry(name.to_owned()).or_insert_with(added);
            Ok(match &entry.spec.rollout {
                None => Phase::Steady,
                Some(rollout) if rollout.steps_percent.is_empty() => Phase::Running,
                Some(_) => Phase::Paused,
            })
        })?;
        let reason = OPERATOR.to_owned();
        let decision = Decision { action: "set", reason, percent: None, phase };
        self.apply(name, decision, Some(weights))
    }

    /// Gives the candidate the share of its next step, or all requests after the last one.
    ///
    /// # Errors
    /// `NotFound` for a name whose requests are not divided; `InvalidArgument` when the candidate has
    /// all requests.
    pub fn promote(&self, name: &str) -> Result<TrafficState, Error> {
        let entry = self.entry(name)?;
        let percent = entry.weights.percent(entry.spec.candidate());
        if percent >= 100.0 {
            let candidate = entry.spec.candidate();
            return Err(Error::invalid(format!("version {candidate} has all requests already")));
        }
        let rollout = entry.spec.rollout.as_ref();
        let mut steps = rollout.into_iter().flat_map(|rollout| &rollout.steps_percent);
        let next = steps.find(|step| **step > percent + 1e-6).copied().unwrap_or(100.0);
        let phase = match entry.rollout.lock().phase {
            Phase::RolledBack if rollout.is_some() => Phase::Running,
            Phase::RolledBack => Phase::Steady,
            phase => phase,
        };
        let reason = format!("to {next} % {OPERATOR}");
        self.apply(name, Decision { action: "promote", reason, percent: Some(next), phase }, None)
    }

    /// Takes all requests from the candidate.
    ///
    /// # Errors
    /// `NotFound` for a name whose requests are not divided; `InvalidArgument` without another version.
    pub fn roll_back(&self, name: &str) -> Result<TrafficState, Error> {
        let (action, reason) = ("rollback", OPERATOR.to_owned());
        let phase = Phase::RolledBack;
        self.apply(name, Decision { action, reason, percent: Some(0.0), phase }, None)
    }

    /// Lets the steps of a rollout wait, or go on.
    ///
    /// # Errors
    /// `NotFound` for a name whose requests are not divided; `InvalidArgument` without a rollout, or
    /// when it is in no state for that.
    pub fn pause(&self, name: &str, pauses: bool) -> Result<TrafficState, Error> {
        let entry = self.entry(name)?;
        if entry.spec.rollout.is_none() {
            let text = format!("the traffic of {} has no rollout in inference.yml", shown(name));
            return Err(Error::invalid(text));
        }
        let now = entry.rollout.lock().phase;
        let (action, phase) =
            if pauses { ("pause", Phase::Paused) } else { ("resume", Phase::Running) };
        let fits = if pauses { now == Phase::Running } else { now != Phase::Running };
        if !fits {
            let text = format!("the rollout of {} is {} already", shown(name), now.name());
            return Err(Error::invalid(text));
        }
        let reason = OPERATOR.to_owned();
        self.apply(name, Decision { action, reason, percent: None, phase }, None)
    }

    /// Applies the rules and steps of all rollouts; called once a second.
    pub fn tick_traffic(&self, now: Instant) {
        let (entries, stats): (Vec<Entry>, _) = {
            let catalog = self.catalog.lock();
            (catalog.traffic.values().cloned().collect(), catalog.stats.clone())
        };
        for entry in entries {
            let Some(rollout) = &entry.spec.rollout else { continue };
            let percent = entry.weights.percent(entry.spec.candidate());
            let moment = moment(&entry, &stats, now);
            let has_shadow = entry.shadow.is_some();
            let decision = entry.rollout.lock().tick(rollout, moment, percent, has_shadow);
            if let Some(decision) = decision
                && let Err(error) = self.apply(&entry.spec.model, decision, None)
            {
                tracing::error!(model = entry.spec.model, %error, "the weights can't be changed");
                entry.rollout.lock().phase = Phase::Steady;
            }
        }
    }

    fn entry(&self, name: &str) -> Result<Entry, Error> {
        find(&self.catalog.lock(), name).cloned()
    }

    /// Makes a change of weights, of the phase or of both, and notes it.
    fn apply(
        &self,
        name: &str,
        decision: Decision,
        weights: Option<Weights>,
    ) -> Result<TrafficState, Error> {
        let Decision { action, reason, percent, phase } = decision;
        let entry = self.change(|catalog| {
            find(catalog, name)?;
            let missing = || Error::new(Cause::Internal, "the traffic has gone");
            let entry = catalog.traffic.get_mut(name).ok_or_else(missing)?;
            let candidate = entry.spec.candidate();
            if let Some(percent) = percent {
                // The usual weights have others where an operator has given the candidate all.
                let is_alone = |weights: &Weights| weights.iter().all(|(one, _)| one == candidate);
                if is_alone(&entry.weights) && is_alone(&entry.spec.weights) {
                    let text = format!("version {candidate} shares its requests with no other one");
                    return Err(Error::invalid(text));
                }
                entry.weights = entry.weights.with_percent(candidate, percent, &entry.spec.weights);
            }
            if let Some(weights) = weights {
                entry.weights = weights;
            }
            Ok(entry.clone())
        })?;
        let shown = entry.weights.describe();
        if action == "rollback" {
            tracing::warn!(model = name, action, reason, weights = shown, "traffic changed");
        } else {
            tracing::info!(model = name, action, reason, weights = shown, "traffic changed");
        }
        let weights = entry.weights.clone();
        let event = Event { at: SystemTime::now(), action, reason, weights };
        entry.rollout.lock().note(phase, event);
        Ok(entry.state())
    }
}

/// The version of a route.
fn named(route: &crate::models::routes::Route) -> &str {
    route.version().unwrap_or_default()
}

fn find<'a>(catalog: &'a Catalog, name: &str) -> Result<&'a Entry, Error> {
    let missing = || {
        let known: Vec<_> = catalog.traffic.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let text = format!("no traffic of {} is divided; names that have it: {known}", shown(name));
        Error::new(Cause::NotFound, text)
    };
    catalog.traffic.get(name).ok_or_else(missing)
}

/// The counts of this moment.
fn moment(entry: &Entry, stats: &StatsRegistry, at: Instant) -> Moment {
    let candidate = entry.spec.candidate();
    let of = |version: &str| Totals::of(&stats.route(&format!("{}-{version}", entry.spec.model)));
    let mut others = Totals::default();
    for (version, _) in entry.weights.iter().filter(|(version, _)| *version != candidate) {
        others.merge(&of(version));
    }
    let copies = entry.shadow.as_ref().map_or(Copies::default(), |shadow| shadow.copies());
    Moment { at, candidate: of(candidate), others, copies }
}
