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
        let mut entry = Entry::new(spec);
        self.change(|catalog| {
            entry.revision = catalog.next_traffic_revision();
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
        self.change(|catalog| {
            if !catalog.traffic.contains_key(name) {
                let mut added = Entry::new(TrafficSpec::of_weights(name, weights.clone()));
                added.revision = catalog.next_traffic_revision();
                catalog.traffic.insert(name.to_owned(), added);
            }
            Ok(())
        })?;
        self.apply(name, |entry| {
            let phase = match &entry.spec.rollout {
                None => Phase::Steady,
                Some(rollout) if rollout.steps_percent.is_empty() => Phase::Running,
                Some(_) => Phase::Paused,
            };
            let (action, reason) = ("set", OPERATOR.to_owned());
            Ok((Decision { action, reason, percent: None, phase }, Some(weights)))
        })
    }

    /// Gives the candidate the share of its next step, or all requests after the last one.
    ///
    /// # Errors
    /// `NotFound` for a name whose requests are not divided; `InvalidArgument` when the candidate has
    /// all requests.
    pub fn promote(&self, name: &str) -> Result<TrafficState, Error> {
        self.apply(name, |entry| {
            let percent = entry.weights.percent(entry.spec.candidate());
            if percent >= 100.0 {
                let candidate = entry.spec.candidate();
                return Err(Error::invalid(format!(
                    "version {candidate} has all requests already"
                )));
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
            Ok((Decision { action: "promote", reason, percent: Some(next), phase }, None))
        })
    }

    /// Takes all requests from the candidate.
    ///
    /// # Errors
    /// `NotFound` for a name whose requests are not divided; `InvalidArgument` without another version.
    pub fn roll_back(&self, name: &str) -> Result<TrafficState, Error> {
        let (action, reason) = ("rollback", OPERATOR.to_owned());
        let phase = Phase::RolledBack;
        self.apply(name, |_| Ok((Decision { action, reason, percent: Some(0.0), phase }, None)))
    }

    /// Lets the steps of a rollout wait, or go on.
    ///
    /// # Errors
    /// `NotFound` for a name whose requests are not divided; `InvalidArgument` without a rollout, or
    /// when it is in no state for that.
    pub fn pause(&self, name: &str, pauses: bool) -> Result<TrafficState, Error> {
        self.apply(name, |entry| {
            if entry.spec.rollout.is_none() {
                let text =
                    format!("the traffic of {} has no rollout in inference.yml", shown(name));
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
            Ok((Decision { action, reason, percent: None, phase }, None))
        })
    }

    /// Applies the rules and steps of all rollouts; called once a second.
    pub fn tick_traffic(&self, now: Instant) {
        for decided in self.decide_traffic(now) {
            self.apply_decided(decided);
        }
    }

    /// What the rules and steps of all rollouts decide.
    fn decide_traffic(&self, now: Instant) -> Vec<Decided> {
        let (entries, stats): (Vec<Entry>, _) = {
            let catalog = self.catalog.lock();
            (catalog.traffic.values().cloned().collect(), catalog.stats.clone())
        };
        let decide = |entry: Entry| {
            let rollout = entry.spec.rollout.as_ref()?;
            let percent = entry.weights.percent(entry.spec.candidate());
            let moment = moment(&entry, &stats, now);
            let has_shadow = entry.shadow.is_some();
            let decision = entry.rollout.lock().tick(rollout, moment, percent, has_shadow)?;
            Some(Decided { entry, decision })
        };
        entries.into_iter().filter_map(decide).collect()
    }

    /// Applies what was decided, unless the traffic was changed meanwhile: the next tick looks at it
    /// as it is then.
    fn apply_decided(&self, decided: Decided) {
        let Decided { entry, decision } = decided;
        let (model, revision) = (&entry.spec.model, entry.revision);
        let mut is_stale = false;
        let applied = self.apply(model, |now| {
            is_stale = now.revision != revision;
            if is_stale {
                return Err(Error::new(Cause::Cancelled, "the traffic was changed meanwhile"));
            }
            Ok((decision, None))
        });
        match applied {
            Err(_) if is_stale => {
                tracing::info!(
                    model,
                    "a decision on the traffic is dropped: it was changed meanwhile"
                );
            }
            Err(error) => {
                tracing::error!(model, %error, "the weights can't be changed");
                entry.rollout.lock().phase = Phase::Steady;
            }
            Ok(_) => {}
        }
    }

    /// Makes a change of weights, of the phase or of both, and notes it. `decide` sees the traffic as
    /// it is; nothing changes it until the change is made.
    fn apply(
        &self,
        name: &str,
        decide: impl FnOnce(&Entry) -> Result<(Decision, Option<Weights>), Error>,
    ) -> Result<TrafficState, Error> {
        let change = |catalog: &mut Catalog| {
            let (decision, weights) = decide(find(catalog, name)?)?;
            let revision = catalog.next_traffic_revision();
            let missing = || Error::new(Cause::Internal, "the traffic has gone");
            let entry = catalog.traffic.get_mut(name).ok_or_else(missing)?;
            entry.revision = revision;
            let candidate = entry.spec.candidate();
            if let Some(percent) = decision.percent {
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
            Ok((entry.clone(), decision))
        };
        let (entry, decision) = self.change_then(change, |(entry, decision)| {
            let Decision { action, reason, phase, .. } = decision.clone();
            let weights = entry.weights.clone();
            let event = Event { at: SystemTime::now(), action, reason, weights };
            entry.rollout.lock().note(phase, event);
        })?;
        let Decision { action, reason, .. } = decision;
        let shown = entry.weights.describe();
        if action == "rollback" {
            tracing::warn!(model = name, action, reason, weights = shown, "traffic changed");
        } else {
            tracing::info!(model = name, action, reason, weights = shown, "traffic changed");
        }
        Ok(entry.state())
    }
}

/// What a tick has decided, and the traffic that it has seen.
struct Decided {
    entry: Entry,
    decision: Decision,
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

#[cfg(test)]
#[path = "control_tests.rs"]
mod tests;
