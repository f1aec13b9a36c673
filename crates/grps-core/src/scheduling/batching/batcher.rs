//! Which waiting requests leave together, and when.
//!
//! A pure state machine: whoever asks brings the time, so tests run it on a virtual clock.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crate::scheduling::batching::batching_key::BatchingKey;
use crate::scheduling::batching::counts::Reason;
use crate::scheduling::batching::policy::{BatchPolicy, Wait};

/// Requests that are looked at for one batch: a bound on the work done under the queue's lock.
const SCAN: usize = 4096;

/// What the requests of a group have in common: the digest of their shapes, and their key.
type Group<'a> = (u64, Option<&'a str>);

#[derive(Debug)]
struct Waiting<T> {
    /// When it came.
    since: Instant,
    /// Its place in the order of arrival.
    number: u64,
    /// What decides which batch it may join.
    key: BatchingKey,
    item: T,
}

/// Requests that leave together.
#[derive(Debug)]
pub(crate) struct Cut<T> {
    /// The requests, the most urgent first, in order of arrival within a priority.
    pub(crate) items: Vec<T>,
    /// Rows they bring.
    pub(crate) rows: usize,
    /// Why there are not more; `None` for a full batch.
    pub(crate) reason: Option<Reason>,
}

/// What an idle instance is to do.
#[derive(Debug)]
pub(crate) enum Next<T> {
    /// Run these.
    Take(Cut<T>),
    /// Ask again at this time, or when something arrives.
    WaitUntil(Instant),
    /// Ask again when something arrives.
    Nothing,
}

/// The waiting requests of one model.
#[derive(Debug)]
pub(crate) struct Batcher<T> {
    policy: Arc<BatchPolicy>,
    /// Waiting requests by priority, the most urgent first, each in order of arrival.
    lanes: Vec<VecDeque<Waiting<T>>>,
    /// How many there are.
    length: usize,
    /// The number of the next arrival.
    next_number: u64,
}

/// Which requests a batch would hold: `(lane, index)` in the order they leave.
#[derive(Debug)]
struct BatchDraft {
    picks: Vec<(usize, usize)>,
    rows: usize,
    /// Rows up to and with each pick.
    sums: Vec<usize>,
    /// The first request that was left out, and why.
    left_out: Option<Reason>,
    /// The next request of the group would not have fit: it and those behind it stay.
    closed: bool,
}

impl<T> Batcher<T> {
    pub(crate) fn new(policy: Arc<BatchPolicy>) -> Self {
        let lanes = (0..policy.levels.max(1)).map(|_| VecDeque::new()).collect();
        Self { policy, lanes, length: 0, next_number: 0 }
    }

    pub(crate) fn policy(&self) -> &Arc<BatchPolicy> {
        &self.policy
    }

    /// The number of waiting requests.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// When the request came that has waited longest.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.lanes.iter().filter_map(|lane| lane.front()).map(|waiting| waiting.since).min()
    }

    /// Adds a request and returns its number; gives it back when too many wait already.
    pub(crate) fn push(&mut self, now: Instant, key: BatchingKey, item: T) -> Result<u64, T> {
        if self.length >= self.policy.max_length {
            return Err(item);
        }
        let number = self.next_number;
        let priority = self.lane_of(key.priority);
        let Some(lane) = self.lanes.get_mut(priority) else { return Err(item) };
        lane.push_back(Waiting { since: now, number, key, item });
        self.next_number += 1;
        self.length += 1;
        Ok(number)
    }

    /// Takes a waiting request back; `None` when it has left.
    pub(crate) fn withdraw(&mut self, priority: usize, number: u64) -> Option<T> {
        let priority = self.lane_of(priority);
        let lane = self.lanes.get_mut(priority)?;
        let index = lane.binary_search_by_key(&number, |waiting| waiting.number).ok()?;
        let waiting = lane.remove(index)?;
        self.length -= 1;
        Some(waiting.item)
    }

    /// Decides what an idle instance does. Once `closing`, nobody waits for company.
    pub(crate) fn next(&mut self, now: Instant, closing: bool) -> Next<T> {
        if self.length == 0 {
            return Next::Nothing;
        }
        if self.policy.wait == Wait::WhenBusy || closing {
            let Some(draft) = self.draft_first() else { return Next::Nothing };
            let reason = draft.left_out.unwrap_or(Reason::IdleInstance);
            return Next::Take(self.take(&draft, reason));
        }
        self.next_in_window(now)
    }

    /// A batch that is due, or the time at which one will be.
    fn next_in_window(&mut self, now: Instant) -> Next<T> {
        let drafts = self.draft_all();
        let urgent = self.policy.levels > 1;
        let mut until: Option<Instant> = None;
        for draft in drafts {
            let due = self.oldest_of(&draft).map(|since| since + self.policy.window);
            let expired = due.is_some_and(|due| due <= now);
            let prefers = self.policy.preferred.contains(&draft.rows);
            let hurried = urgent && draft.picks.first().is_some_and(|(lane, _)| *lane == 0);
            if draft.rows >= self.policy.max_rows || draft.closed || expired || hurried || prefers {
                let reason = match () {
                    () if draft.closed || prefers => Reason::Size,
                    () if expired => Reason::Timeout,
                    () => Reason::Priority,
                };
                return Next::Take(self.take(&draft, reason));
            }
            until = match (until, due) {
                (Some(until), Some(due)) => Some(until.min(due)),
                (until, due) => until.or(due),
            };
        }
        until.map_or(Next::Nothing, Next::WaitUntil)
    }

    /// The batch of the request that is first in line.
    fn draft_first(&self) -> Option<BatchDraft> {
        let (start, _) = self.lanes.iter().enumerate().find(|(_, lane)| !lane.is_empty())?;
        let leader = &self.lanes.get(start)?.front()?.key;
        let mut draft = BatchDraft::new();
        for (lane, index, waiting) in self.in_order().take(SCAN) {
            draft.offer(&self.policy, leader, (lane, index), &waiting.key);
            if draft.closed || draft.rows >= self.policy.max_rows {
                break;
            }
        }
        Some(draft)
    }

    /// The batches of all groups of requests that fit together, by their first requests.
    fn draft_all(&self) -> Vec<BatchDraft> {
        let mut drafts: Vec<(&BatchingKey, BatchDraft)> = Vec::new();
        let mut by_group: HashMap<Group<'_>, usize> = HashMap::new();
        for (lane, index, waiting) in self.in_order().take(SCAN) {
            let key = &waiting.key;
            let group = key.shape.map(|shape| (shape, key.batch_key.as_deref()));
            let known = group.and_then(|group| by_group.get(&group).copied());
            let place = known.unwrap_or(drafts.len());
            if known.is_none() {
                drafts.push((key, BatchDraft::new()));
                by_group.extend(group.map(|group| (group, place)));
            }
            if let Some((leader, draft)) = drafts.get_mut(place) {
                draft.offer(&self.policy, leader, (lane, index), key);
            }
        }
        drafts.into_iter().map(|(_, draft)| draft).collect()
    }

    fn in_order(&self) -> impl Iterator<Item = (usize, usize, &Waiting<T>)> {
        self.lanes.iter().enumerate().flat_map(|(lane, waiting)| {
            waiting.iter().enumerate().map(move |(index, waiting)| (lane, index, waiting))
        })
    }

    fn oldest_of(&self, draft: &BatchDraft) -> Option<Instant> {
        draft
            .picks
            .iter()
            .filter_map(|(lane, index)| Some(self.lanes.get(*lane)?.get(*index)?.since))
            .min()
    }

    /// Takes a draft's requests, or those up to a preferred size; `reason` says why it is small.
    fn take(&mut self, draft: &BatchDraft, reason: Reason) -> Cut<T> {
        let full = draft.rows >= self.policy.max_rows;
        let whole = draft.picks.len();
        let preferred = draft.sums.iter().rposition(|sum| self.policy.preferred.contains(sum));
        let (count, reason) = match preferred {
            _ if full => (whole, None),
            Some(last) if last + 1 < whole => (last + 1, Some(Reason::Size)),
            _ => (whole, Some(reason)),
        };
        let mut items = Vec::with_capacity(count);
        // How many of a lane's requests are out already: those before a pick have lower indices.
        let mut gone: Vec<usize> = vec![0; self.lanes.len()];
        for (lane, index) in draft.picks.iter().take(count) {
            let Some((waiting, gone)) = self.lanes.get_mut(*lane).zip(gone.get_mut(*lane)) else {
                continue;
            };
            if let Some(found) = waiting.remove(index - *gone) {
                *gone += 1;
                self.length -= 1;
                items.push(found.item);
            }
        }
        let rows = count.checked_sub(1).and_then(|last| draft.sums.get(last)).copied();
        Cut { items, rows: rows.unwrap_or_default(), reason }
    }

    fn lane_of(&self, priority: usize) -> usize {
        priority.min(self.lanes.len() - 1)
    }
}

impl BatchDraft {
    fn new() -> Self {
        Self { picks: Vec::new(), rows: 0, sums: Vec::new(), left_out: None, closed: false }
    }

    /// Takes a request in if it fits together with `leader` and there is room.
    fn offer(
        &mut self,
        policy: &BatchPolicy,
        leader: &BatchingKey,
        pick: (usize, usize),
        key: &BatchingKey,
    ) {
        let first = self.picks.is_empty();
        if !first && let Some(reason) = leader.differs(key) {
            self.left_out.get_or_insert(reason);
            return;
        }
        if self.closed {
            return;
        }
        let rows = self.rows + key.rows.max(1);
        if !first && rows > policy.max_rows {
            self.left_out = Some(Reason::Size);
            self.closed = true;
            return;
        }
        self.picks.push(pick);
        self.rows = rows;
        self.sums.push(rows);
    }
}

#[cfg(test)]
#[path = "batcher_tests.rs"]
mod tests;
