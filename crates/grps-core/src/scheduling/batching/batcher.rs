//! Decides which waiting requests form a batch, and when.
//!
//! A pure state machine: callers pass the time, so tests run it on a simulated clock.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::scheduling::batching::auto::{AutoBatching, AutoState, FinishedRun};
use crate::scheduling::batching::batching_key::BatchingKey;
use crate::scheduling::batching::counts::Reason;
use crate::scheduling::batching::policy::{BatchPolicy, Wait};

/// Requests that are examined for one batch; limits the work under the lock of the queue.
const MAX_SCAN: usize = 4096;

/// What requests of one batch have in common: the digest of their shapes, and the batch key.
type Group<'a> = (u64, Option<&'a str>);

/// A waiting request.
#[derive(Debug)]
struct Waiting<T> {
    /// When it arrived.
    arrived: Instant,
    /// Position in the order of arrival.
    number: u64,
    /// What decides which batch it may join.
    key: BatchingKey,
    item: T,
}

/// A batch that is ready to run.
#[derive(Debug)]
pub(crate) struct FormedBatch<T> {
    /// The requests, the most urgent first, in order of arrival within a priority.
    pub(crate) items: Vec<T>,
    /// Number of rows.
    pub(crate) rows: usize,
    /// Why the batch is not larger; `None` for a full batch.
    pub(crate) reason: Option<Reason>,
}

/// What an idle instance does next.
#[derive(Debug)]
pub(crate) enum Next<T> {
    /// Runs a batch.
    Take(FormedBatch<T>),
    /// Waits until this time or the next arrival.
    WaitUntil(Instant),
    /// Waits for the next arrival.
    Nothing,
}

/// The waiting requests of one model.
#[derive(Debug)]
pub(crate) struct Batcher<T> {
    policy: Arc<BatchPolicy>,
    /// Waiting requests by priority, the most urgent first, in order of arrival.
    by_priority: Vec<VecDeque<Waiting<T>>>,
    /// Number of waiting requests.
    length: usize,
    /// Their rows.
    rows: usize,
    /// Rows of all requests so far.
    arrived_rows: u64,
    /// Chooses sizes while the model runs; `None` for fixed ones.
    auto: Option<Box<AutoBatching>>,
    /// The number of the next arrival.
    next_number: u64,
}

/// A batch that could be formed now.
#[derive(Debug)]
struct CandidateBatch {
    /// Priority and index of each request, in the order of the batch.
    members: Vec<(usize, usize)>,
    /// Number of rows.
    rows: usize,
    /// Number of rows up to and including each member.
    cumulative_rows: Vec<usize>,
    /// Why the first excluded request was excluded.
    exclusion: Option<Reason>,
    /// Whether a request did not fit. Later requests of the group must not overtake it.
    is_closed: bool,
}

impl<T> Batcher<T> {
    pub(crate) fn new(policy: Arc<BatchPolicy>) -> Self {
        let by_priority = (0..policy.priority_levels.max(1)).map(|_| VecDeque::new()).collect();
        let auto = AutoBatching::new(&policy).map(Box::new);
        Self { policy, by_priority, length: 0, rows: 0, arrived_rows: 0, auto, next_number: 0 }
    }

    pub(crate) fn policy(&self) -> &Arc<BatchPolicy> {
        &self.policy
    }

    /// The number of waiting requests.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// How many instances may work at once, as far as batches are concerned.
    pub(crate) fn concurrency(&self) -> usize {
        self.auto.as_ref().map_or(usize::MAX, |auto| auto.concurrency())
    }

    /// Learns from a run, if sizes are chosen while the model runs.
    pub(crate) fn finish(&mut self, run: &FinishedRun) {
        if let Some(auto) = &mut self.auto {
            auto.finish(run, self.arrived_rows);
        }
    }

    /// What was chosen while the model runs; `None` for fixed sizes.
    pub(crate) fn auto_state(&self, instances: usize) -> Option<AutoState> {
        self.auto.as_ref().map(|auto| auto.state(instances))
    }

    /// Most rows of a batch that begins now.
    fn max_rows(&self, now: Instant) -> usize {
        let Some(auto) = &self.auto else { return self.policy.max_rows };
        let waited = |row: usize| {
            // Requests have about as many rows each.
            let arrived = self.arrived(row * self.length / self.rows.max(1));
            arrived.map_or(Duration::ZERO, |arrived| now.saturating_duration_since(arrived))
        };
        auto.rows(self.rows, waited)
    }

    /// Arrival of a waiting request by its number in order.
    fn arrived(&self, mut index: usize) -> Option<Instant> {
        for requests in &self.by_priority {
            match requests.get(index) {
                Some(waiting) => return Some(waiting.arrived),
                None => index -= requests.len(),
            }
        }
        None
    }

    /// Arrival of the request that has waited longest.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        let first = self.by_priority.iter().filter_map(|requests| requests.front());
        first.map(|waiting| waiting.arrived).min()
    }

    /// Adds a request and returns its number; returns the request when too many wait already.
    pub(crate) fn push(&mut self, now: Instant, key: BatchingKey, item: T) -> Result<u64, T> {
        if self.length >= self.policy.max_length {
            return Err(item);
        }
        let number = self.next_number;
        let priority = self.clamp_priority(key.priority);
        let Some(requests) = self.by_priority.get_mut(priority) else { return Err(item) };
        self.rows += key.rows.max(1);
        self.arrived_rows += key.rows.max(1) as u64;
        requests.push_back(Waiting { arrived: now, number, key, item });
        self.next_number += 1;
        self.length += 1;
        Ok(number)
    }

    /// Removes a waiting request; `None` when it has left the queue.
    pub(crate) fn withdraw(&mut self, priority: usize, number: u64) -> Option<T> {
        let priority = self.clamp_priority(priority);
        let requests = self.by_priority.get_mut(priority)?;
        let index = requests.binary_search_by_key(&number, |waiting| waiting.number).ok()?;
        let waiting = requests.remove(index)?;
        self.length -= 1;
        self.rows -= waiting.key.rows.max(1);
        Some(waiting.item)
    }

    /// Decides what an idle instance does. While `closing`, no request waits to fill a batch.
    pub(crate) fn next(&mut self, now: Instant, closing: bool) -> Next<T> {
        if self.length == 0 {
            return Next::Nothing;
        }
        if self.policy.wait == Wait::WhenBusy || closing {
            let max_rows = self.max_rows(now);
            let Some(candidate) = self.first_candidate(max_rows) else { return Next::Nothing };
            let is_limited = candidate.members.len() < self.length && candidate.rows >= max_rows;
            let other = if is_limited { Reason::Size } else { Reason::IdleInstance };
            let reason = candidate.exclusion.unwrap_or(other);
            return Next::Take(self.form_batch(&candidate, reason));
        }
        self.next_in_window(now)
    }

    /// A batch that is due, or the time at which the next one will be.
    fn next_in_window(&mut self, now: Instant) -> Next<T> {
        let max_rows = self.max_rows(now);
        let window = self.auto.as_ref().map_or(self.policy.window, |auto| auto.window());
        let candidates = self.all_candidates(max_rows);
        let has_urgent = self.policy.priority_levels > 1;
        let mut until: Option<Instant> = None;
        for candidate in candidates {
            let due = self.oldest_member(&candidate).map(|arrived| arrived + window);
            let expired = due.is_some_and(|due| due <= now);
            let is_preferred = self.policy.preferred.contains(&candidate.rows);
            let first = candidate.members.first();
            let is_urgent = has_urgent && first.is_some_and(|(priority, _)| *priority == 0);
            let is_full = candidate.rows >= max_rows || candidate.is_closed;
            if is_full || is_preferred || is_urgent || expired {
                let reason = match () {
                    () if is_full || is_preferred => Reason::Size,
                    () if expired => Reason::Timeout,
                    () => Reason::Priority,
                };
                return Next::Take(self.form_batch(&candidate, reason));
            }
            until = match (until, due) {
                (Some(until), Some(due)) => Some(until.min(due)),
                (until, due) => until.or(due),
            };
        }
        until.map_or(Next::Nothing, Next::WaitUntil)
    }

    /// The candidate batch of the next request.
    fn first_candidate(&self, max_rows: usize) -> Option<CandidateBatch> {
        let first_key = &self.by_priority.iter().find_map(VecDeque::front)?.key;
        let mut candidate = CandidateBatch::new();
        for (priority, index, waiting) in self.in_order().take(MAX_SCAN) {
            candidate.try_add(max_rows, first_key, (priority, index), &waiting.key);
            if candidate.is_closed || candidate.rows >= max_rows {
                break;
            }
        }
        Some(candidate)
    }

    /// The candidate batches of all groups, in the order of their first requests.
    fn all_candidates(&self, max_rows: usize) -> Vec<CandidateBatch> {
        let mut candidates: Vec<(&BatchingKey, CandidateBatch)> = Vec::new();
        let mut by_group: HashMap<Group<'_>, usize> = HashMap::new();
        for (priority, index, waiting) in self.in_order().take(MAX_SCAN) {
            let key = &waiting.key;
            let group = key.shape.map(|shape| (shape, key.batch_key.as_deref()));
            let existing = group.and_then(|group| by_group.get(&group).copied());
            let position = existing.unwrap_or(candidates.len());
            if existing.is_none() {
                candidates.push((key, CandidateBatch::new()));
                by_group.extend(group.map(|group| (group, position)));
            }
            if let Some((first_key, candidate)) = candidates.get_mut(position) {
                candidate.try_add(max_rows, first_key, (priority, index), key);
            }
        }
        candidates.into_iter().map(|(_, candidate)| candidate).collect()
    }

    /// All waiting requests with their priority and index, the most urgent first.
    fn in_order(&self) -> impl Iterator<Item = (usize, usize, &Waiting<T>)> {
        self.by_priority.iter().enumerate().flat_map(|(priority, requests)| {
            requests.iter().enumerate().map(move |(index, waiting)| (priority, index, waiting))
        })
    }

    /// Arrival of the member that has waited longest.
    fn oldest_member(&self, candidate: &CandidateBatch) -> Option<Instant> {
        let arrived = |(priority, index): &(usize, usize)| {
            Some(self.by_priority.get(*priority)?.get(*index)?.arrived)
        };
        candidate.members.iter().filter_map(arrived).min()
    }

    /// Removes the members of a candidate batch, or those up to a preferred size. `reason` says why
    /// the batch is small.
    fn form_batch(&mut self, candidate: &CandidateBatch, reason: Reason) -> FormedBatch<T> {
        let is_full = candidate.rows >= self.policy.max_rows;
        let all = candidate.members.len();
        let sums = &candidate.cumulative_rows;
        let preferred = sums.iter().rposition(|rows| self.policy.preferred.contains(rows));
        let (count, reason) = match preferred {
            _ if is_full => (all, None),
            Some(last) if last + 1 < all => (last + 1, Some(Reason::Size)),
            _ => (all, Some(reason)),
        };
        let mut items = Vec::with_capacity(count);
        // Removed requests per priority: each removal shifts the indices of later requests.
        let mut removed: Vec<usize> = vec![0; self.by_priority.len()];
        for (priority, index) in candidate.members.iter().take(count) {
            let requests = self.by_priority.get_mut(*priority);
            let Some((requests, removed)) = requests.zip(removed.get_mut(*priority)) else {
                continue;
            };
            if let Some(waiting) = requests.remove(index - *removed) {
                *removed += 1;
                self.length -= 1;
                self.rows -= waiting.key.rows.max(1);
                items.push(waiting.item);
            }
        }
        let rows = count.checked_sub(1).and_then(|last| sums.get(last)).copied();
        FormedBatch { items, rows: rows.unwrap_or_default(), reason }
    }

    /// The priority within the configured levels.
    fn clamp_priority(&self, priority: usize) -> usize {
        priority.min(self.by_priority.len() - 1)
    }
}

impl CandidateBatch {
    fn new() -> Self {
        Self {
            members: Vec::new(),
            rows: 0,
            cumulative_rows: Vec::new(),
            exclusion: None,
            is_closed: false,
        }
    }

    /// Adds a request if it can share a batch with the first request and its rows fit.
    fn try_add(
        &mut self,
        max_rows: usize,
        first_key: &BatchingKey,
        member: (usize, usize),
        key: &BatchingKey,
    ) {
        let is_first = self.members.is_empty();
        if !is_first && let Some(reason) = first_key.mismatch(key) {
            self.exclusion.get_or_insert(reason);
            return;
        }
        if self.is_closed {
            return;
        }
        let rows = self.rows + key.rows.max(1);
        if !is_first && rows > max_rows {
            self.exclusion = Some(Reason::Size);
            self.is_closed = true;
            return;
        }
        self.members.push(member);
        self.rows = rows;
        self.cumulative_rows.push(rows);
    }
}

#[cfg(test)]
#[path = "batcher_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "batcher_case_tests.rs"]
mod case_tests;
