//! How a candidate goes from step to step, and back when it breaks a rule.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use crate::traffic::rules::{Candidate, MIN_LATENCIES, Reference, broken};
use crate::traffic::spec::RolloutSpec;
use crate::traffic::totals::{Copies, Totals};
use crate::traffic::weights::Weights;

/// The period that rules look at, if it has enough requests.
const WINDOW: Duration = Duration::from_secs(10);
/// The longest period that they look at.
const LONGEST_WINDOW_S: usize = 60;
/// Most events that are kept.
const MAX_EVENTS: usize = 50;

/// What is done with a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No steps and no rules: the weights stand until an operator changes them.
    Steady,
    /// Steps and rules apply.
    Running,
    /// Rules apply, steps do not.
    Paused,
    /// The candidate gets nothing, by a rule or an operator.
    RolledBack,
    /// The candidate has all requests, and its last step has passed.
    Done,
}

impl Phase {
    /// All phases.
    pub const ALL: [Self; 5] =
        [Self::Steady, Self::Running, Self::Paused, Self::RolledBack, Self::Done];

    /// The name for operators.
    pub fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::RolledBack => "rolled_back",
            Self::Done => "done",
        }
    }
}

/// A change of weights or of the phase.
#[derive(Clone, Debug)]
pub struct Event {
    /// When it was.
    pub at: SystemTime,
    /// What was done: `set`, `promote`, `rollback`, `pause`, `resume` or `done`.
    pub action: &'static str,
    /// Why: a rule with its numbers, a step, or an operator.
    pub reason: String,
    /// The weights after it.
    pub weights: Weights,
}

/// All counts at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) at: Instant,
    pub(crate) candidate: Totals,
    /// All other versions together.
    pub(crate) others: Totals,
    pub(crate) copies: Copies,
}

/// What a tick decides.
#[derive(Clone, Debug)]
pub(crate) struct Decision {
    pub(crate) action: &'static str,
    pub(crate) reason: String,
    /// The share of the candidate in percent; `None` to leave the weights.
    pub(crate) percent: Option<f64>,
    pub(crate) phase: Phase,
}

/// The progress of one candidate.
#[derive(Debug)]
pub(crate) struct Rollout {
    pub(crate) phase: Phase,
    /// The latest first.
    pub(crate) events: VecDeque<Event>,
    /// How often each action was done.
    pub(crate) changes: BTreeMap<&'static str, u64>,
    /// The counts of each second since the weights were changed, the oldest first.
    moments: VecDeque<Moment>,
    /// The first of them.
    begin: Option<Moment>,
    reference: Option<Reference>,
}

impl Rollout {
    pub(crate) fn new(phase: Phase) -> Self {
        let (events, changes, moments) = Default::default();
        Self { phase, events, changes, moments, begin: None, reference: None }
    }

    /// Notes a change: rules and steps count from here on.
    pub(crate) fn note(&mut self, phase: Phase, event: Event) {
        self.phase = phase;
        self.moments.clear();
        self.begin = None;
        *self.changes.entry(event.action).or_default() += 1;
        self.events.push_front(event);
        self.events.truncate(MAX_EVENTS);
    }

    /// How long the weights stand, and how many requests and copies the candidate had since.
    pub(crate) fn progress(&self) -> (Duration, u64) {
        let (Some(begin), Some(now)) = (&self.begin, self.moments.back()) else {
            return (Duration::ZERO, 0);
        };
        let requests = now.candidate.requests.saturating_sub(begin.candidate.requests);
        let copies = now.copies.since(begin.copies).ended;
        (now.at.saturating_duration_since(begin.at), requests + copies)
    }

    /// Looks at the counts of this second; `percent` is the share of the candidate.
    pub(crate) fn tick(
        &mut self,
        spec: &RolloutSpec,
        now: Moment,
        percent: f64,
        has_shadow: bool,
    ) -> Option<Decision> {
        let begin = self.begin.get_or_insert_with(|| now.clone()).clone();
        self.moments.push_back(now.clone());
        if self.moments.len() > LONGEST_WINDOW_S + 1 {
            self.moments.pop_front();
        }
        if !matches!(self.phase, Phase::Running | Phase::Paused) {
            return None;
        }
        let least = spec.min_requests;
        // A p99 needs more requests, and so a longer window.
        let [others, others_p99] = [least, least.max(MIN_LATENCIES)].map(|least| {
            now.others.since(&self.window(&now, least, |moment| moment.others.requests).others)
        });
        let [requests, p99] = [least, least.max(MIN_LATENCIES)].map(|least| {
            let from = self.window(&now, least, |moment| moment.candidate.requests);
            now.candidate.since(&from.candidate)
        });
        self.reference = Reference::renewed(self.reference, &others, &others_p99, least);
        let copied = self.window(&now, least, |moment| moment.copies.ended);
        let copies = now.copies.since(copied.copies);
        if let Some(reason) =
            broken(spec, Candidate { requests: &requests, p99: &p99 }, copies, self.reference)
        {
            let (action, phase) = ("rollback", Phase::RolledBack);
            return Some(Decision { action, reason, percent: Some(0.0), phase });
        }
        let waits = self.phase == Phase::Paused || now.at.duration_since(begin.at) < spec.step;
        if waits || spec.steps_percent.is_empty() {
            return None;
        }
        let gets_any = percent > 0.0 || has_shadow;
        if gets_any && self.progress().1 < least {
            return None;
        }
        step(spec, percent)
    }

    /// The moment from which rules count: the latest one 10 seconds ago or more since which there
    /// were enough, or else the first since the weights stand. Steps count from that too: a candidate
    /// with few requests is judged by all that it had.
    fn window(&self, now: &Moment, least: u64, count: impl Fn(&Moment) -> u64) -> Moment {
        let is_enough = |earlier: &&Moment| {
            now.at.saturating_duration_since(earlier.at) >= WINDOW
                && count(now).saturating_sub(count(earlier)) >= least
        };
        let found = self.moments.iter().rev().find(is_enough);
        found.or(self.begin.as_ref()).unwrap_or(now).clone()
    }
}

/// The next step of a candidate that has this share, or the end after the last one.
fn step(spec: &RolloutSpec, percent: f64) -> Option<Decision> {
    let rounded = percent + 1e-6;
    if let Some(next) = spec.steps_percent.iter().find(|step| **step > rounded) {
        let reason = format!("step to {next} %: no rule was broken at {percent:.3} %");
        let percent = Some(*next);
        return Some(Decision { action: "promote", reason, percent, phase: Phase::Running });
    }
    (rounded >= 100.0).then(|| {
        let reason = "the last step has passed".to_owned();
        Decision { action: "done", reason, percent: None, phase: Phase::Done }
    })
}

#[cfg(test)]
#[path = "rollout_tests.rs"]
mod tests;
