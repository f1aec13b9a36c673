//! Sequences that wait for a slot: the most urgent first, then clients in rotation.

use std::sync::Arc;
use std::time::Instant;

use crate::scheduling::fair_queue::{FairQueue, FairTicket};
use crate::scheduling::steps::policy::StepPolicy;
use crate::scheduling::steps::sequence::{Need, Sequence, SequenceItem};

/// Every so many turns, what has waited beyond the patience goes first.
const TURNS: u64 = 8;

/// Sequences that wait for a slot, those of all instances.
#[derive(Debug)]
pub(crate) struct Waiting<T> {
    policy: Arc<StepPolicy>,
    queue: FairQueue<Sequence<T>>,
    /// Sequences that had a slot and have no state: the first to begin again within their level.
    again: Vec<Sequence<T>>,
    /// Bytes of the inputs that wait.
    bytes: usize,
    /// Position of the next arrival.
    next_number: u64,
    /// How often a sequence was taken.
    turns: u64,
}

/// Why a sequence can't wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepRefusal {
    /// So many wait already.
    Length,
    /// So many bytes wait already.
    Bytes,
    /// Its prefill is beyond the cost of a step.
    Cost,
    /// Its state is beyond the bytes of states.
    StateBytes,
}

impl<T: SequenceItem> Waiting<T> {
    pub(crate) fn new(policy: Arc<StepPolicy>) -> Self {
        let (queue, again) = (FairQueue::default(), Vec::new());
        Self { policy, queue, again, bytes: 0, next_number: 0, turns: 0 }
    }

    /// The number of sequences that wait.
    pub(crate) fn len(&self) -> usize {
        self.queue.len() + self.again.len()
    }

    /// Adds a sequence that comes now.
    pub(crate) fn push(
        &mut self,
        now: Instant,
        mut need: Need,
        item: T,
    ) -> Result<FairTicket, StepRefusal> {
        need.prefill = need.prefill.max(1);
        let prefill_bytes = need.prefill.saturating_mul(self.policy.position_bytes);
        need.state_bytes = need.state_bytes.saturating_add(prefill_bytes);
        need.priority = need.priority.min(self.policy.priority_levels.saturating_sub(1));
        let whole = if self.policy.max_chunk.is_none() { need.prefill } else { 1 };
        match () {
            () if whole > self.policy.max_step_cost.saturating_sub(1) => {
                return Err(StepRefusal::Cost);
            }
            () if need.state_bytes > self.policy.max_state_bytes => {
                return Err(StepRefusal::StateBytes);
            }
            () if self.len() >= self.policy.max_waiting => return Err(StepRefusal::Length),
            () if self.bytes.saturating_add(need.input_bytes) > self.policy.max_waiting_bytes => {
                return Err(StepRefusal::Bytes);
            }
            () => {}
        }
        self.bytes += need.input_bytes;
        let number = self.next_number;
        self.next_number += 1;
        let (priority, client) = (need.priority, need.client);
        let sequence = Sequence {
            item,
            need,
            arrived: now,
            number,
            prefill: need.prefill,
            prefilled: 0,
            chunk: 0,
            steps: 0,
            last_output: now,
            has_output: false,
            preempted: 0,
            is_returned: false,
            has_room: true,
            end: None,
        };
        Ok(self.queue.push(priority, client, sequence))
    }

    /// Puts back a sequence that lost its state, or has none yet.
    pub(crate) fn put_back(&mut self, sequence: Sequence<T>) {
        self.bytes += sequence.need.input_bytes;
        let rank = sequence.rank();
        let place = self.again.partition_point(|other| other.rank() < rank);
        self.again.insert(place, sequence);
    }

    /// Takes a waiting sequence out; `None` when it has left.
    pub(crate) fn withdraw(&mut self, ticket: &FairTicket) -> Option<Sequence<T>> {
        let sequence = self.queue.remove(ticket)?;
        self.bytes -= sequence.need.input_bytes;
        Some(sequence)
    }

    /// Looks at the sequence whose turn it is.
    pub(crate) fn peek(&self, now: Instant) -> Option<&Sequence<T>> {
        match self.place(now)? {
            Place::Again => self.again.first(),
            Place::Overdue(ticket) => self.queue.get(&ticket),
            Place::Queue => self.queue.peek(),
        }
    }

    /// Takes the sequence whose turn it is, which [`Waiting::peek`] saw.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Sequence<T>> {
        let sequence = match self.place(now)? {
            Place::Again => Some(self.again.remove(0)),
            Place::Overdue(ticket) => self.queue.remove(&ticket),
            Place::Queue => self.queue.pop(),
        }?;
        self.turns += 1;
        self.bytes -= sequence.need.input_bytes;
        Some(sequence)
    }

    /// Takes all that are not wanted any more and began once: their requests are answered already.
    pub(crate) fn take_unwanted(&mut self) -> Vec<Sequence<T>> {
        let (kept, unwanted): (Vec<_>, Vec<_>) =
            self.again.drain(..).partition(|sequence| sequence.item.is_wanted());
        self.again = kept;
        self.bytes -= unwanted.iter().map(|sequence| sequence.need.input_bytes).sum::<usize>();
        unwanted
    }

    fn place(&self, now: Instant) -> Option<Place> {
        if self.turns % TURNS == TURNS - 1
            && let Some(ticket) = self.overdue(now)
        {
            return Some(Place::Overdue(ticket));
        }
        let first = self.queue.peek().map(|sequence| sequence.need.priority);
        let again = self.again.first().map(|sequence| sequence.need.priority);
        match (again, first) {
            (None, None) => None,
            (Some(again), Some(first)) if first < again => Some(Place::Queue),
            (Some(_), _) => Some(Place::Again),
            (None, Some(_)) => Some(Place::Queue),
        }
    }

    /// The sequence that has waited longest, if it has done so for too long.
    fn overdue(&self, now: Instant) -> Option<FairTicket> {
        let (ticket, oldest) =
            self.queue.heads().min_by_key(|(_, sequence)| (sequence.arrived, sequence.number))?;
        let waited = now.saturating_duration_since(oldest.arrived);
        (waited >= self.policy.patience).then_some(ticket)
    }
}

/// Where the next sequence is.
enum Place {
    /// First among those that begin again.
    Again,
    /// Anywhere in the queue.
    Overdue(FairTicket),
    /// At the head of the queue.
    Queue,
}
