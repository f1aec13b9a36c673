//! Decides, before each step of an instance, which sequences are in it.
//!
//! A pure state machine: callers bring the time and what waits, so tests run it on a simulated
//! clock. Each instance has its own; what waits is shared.

use std::sync::Arc;
use std::time::Instant;

use crate::scheduling::steps::plan::{Ended, Plan, StepReason};
use crate::scheduling::steps::policy::{Preemption, StepPolicy};
use crate::scheduling::steps::rows::arrange;
use crate::scheduling::steps::sequence::{EndReason, Sequence, SequenceItem};
use crate::scheduling::steps::waiting::Waiting;

/// The sequences that one instance holds.
#[derive(Debug)]
pub(crate) struct StepScheduler<T> {
    policy: Arc<StepPolicy>,
    /// Sequences with a slot, in the order of their rows.
    rows: Vec<Sequence<T>>,
    /// Sequences whose state is saved, in the order in which they go on.
    suspended: Vec<Sequence<T>>,
    /// So many rows are stepped in the plan that was made last.
    running: usize,
    /// Whether what waits gets slots; what it holds goes on in any case.
    takes: bool,
}

/// A plan while it is made.
struct Draft<T> {
    plan: Plan<T>,
    /// Sequences with a slot.
    kept: Vec<Kept<T>>,
    /// What the step costs so far.
    cost: usize,
    /// Bytes of the states of the kept sequences.
    state_bytes: usize,
}

/// A sequence with a slot.
struct Kept<T> {
    sequence: Sequence<T>,
    origin: Origin,
}

/// Where a sequence with a slot comes from.
#[derive(Clone, Copy)]
enum Origin {
    /// It had this row before.
    Row(usize),
    /// Its state is saved.
    Suspended,
    /// It waited.
    Waiting,
}

impl<T: SequenceItem> StepScheduler<T> {
    /// A scheduler without sequences.
    pub(crate) fn new(policy: Arc<StepPolicy>) -> Self {
        Self { policy, rows: Vec::new(), suspended: Vec::new(), running: 0, takes: true }
    }

    /// The sequences with a slot, in the order of their rows.
    pub(crate) fn rows(&self) -> &[Sequence<T>] {
        &self.rows
    }

    /// The same, to be changed.
    pub(crate) fn rows_mut(&mut self) -> &mut [Sequence<T>] {
        &mut self.rows
    }

    /// So many rows were stepped by the plan that was made last.
    pub(crate) fn running(&self) -> usize {
        self.running
    }

    /// The number of sequences whose state is saved.
    pub(crate) fn suspended(&self) -> usize {
        self.suspended.len()
    }

    /// Whether it holds no sequence.
    pub(crate) fn is_idle(&self) -> bool {
        self.rows.is_empty() && self.suspended.is_empty()
    }

    /// Leaves what waits to other instances.
    pub(crate) fn stop_taking(&mut self) {
        self.takes = false;
    }

    /// Ends the sequence of a row before the next step.
    pub(crate) fn end(&mut self, row: usize, reason: EndReason) {
        if let Some(sequence) = self.rows.get_mut(row) {
            sequence.end.get_or_insert(reason);
        }
    }

    /// Notes that the rows of the last plan made their step.
    pub(crate) fn note_step(&mut self) {
        for sequence in self.rows.iter_mut().take(self.running) {
            sequence.steps += 1;
            if sequence.steps >= self.policy.max_steps {
                sequence.end.get_or_insert(EndReason::MaxSteps);
            }
        }
    }

    /// Takes all sequences away, for an instance that has failed: first those with a slot, in the
    /// order of their rows.
    pub(crate) fn take_all(&mut self) -> Vec<Sequence<T>> {
        self.running = 0;
        self.rows.drain(..).chain(self.suspended.drain(..)).collect()
    }

    /// Plans the next step.
    pub(crate) fn plan(&mut self, now: Instant, waiting: &mut Waiting<T>) -> Plan<T> {
        let mut draft = self.begin_draft(waiting);
        while draft.state_bytes > self.policy.max_state_bytes
            && draft.kept.len() > 1
            && self.preempt(&mut draft, waiting, None)
        {}
        draft.cost = draft.kept.iter().filter(|kept| kept.sequence.is_stepped()).count();
        self.continue_prefill(&mut draft);
        draft.plan.reason = self.admit(now, &mut draft, waiting);
        self.arrange(draft)
    }

    /// Parts what goes on from what has ended.
    fn begin_draft(&mut self, waiting: &mut Waiting<T>) -> Draft<T> {
        let plan = Plan {
            ended: Vec::new(),
            saved: Vec::new(),
            dropped: Vec::new(),
            moves: Vec::new(),
            begun: Vec::new(),
            restored: Vec::new(),
            prefill: Vec::new(),
            running: 0,
            reason: StepReason::NothingWaits,
        };
        let (kept, cost, state_bytes) = (Vec::with_capacity(self.policy.max_slots), 0, 0);
        let mut draft = Draft { plan, kept, cost, state_bytes };
        for (row, mut sequence) in self.rows.drain(..).enumerate() {
            match end_of(&sequence) {
                Some(reason) => draft.plan.ended.push(Ended { row: Some(row), sequence, reason }),
                None => {
                    sequence.has_room = sequence.item.has_room();
                    draft.state_bytes += sequence.need.state_bytes;
                    draft.kept.push(Kept { sequence, origin: Origin::Row(row) });
                }
            }
        }
        let mut index = 0;
        while let Some(sequence) = self.suspended.get(index) {
            match end_of(sequence) {
                Some(reason) => {
                    let sequence = self.suspended.remove(index);
                    draft.plan.ended.push(Ended { row: None, sequence, reason });
                }
                None => index += 1,
            }
        }
        for sequence in waiting.take_unwanted() {
            draft.plan.ended.push(Ended { row: None, sequence, reason: EndReason::Cancelled });
        }
        draft
    }

    /// Takes a slot away: of the last in order, or of what is less urgent than `before`. Returns
    /// whether there was one.
    fn preempt(
        &mut self,
        draft: &mut Draft<T>,
        waiting: &mut Waiting<T>,
        before: Option<u8>,
    ) -> bool {
        let candidates = draft.kept.iter().enumerate().filter_map(|(index, kept)| {
            let Origin::Row(row) = kept.origin else { return None };
            let rank = kept.sequence.rank();
            before.is_none_or(|before| rank.0 > before).then_some((rank, index, row))
        });
        let Some((_, index, row)) = candidates.max() else { return false };
        let mut sequence = draft.kept.swap_remove(index).sequence;
        draft.state_bytes -= sequence.need.state_bytes;
        draft.cost = draft.cost.saturating_sub(sequence.chunk + usize::from(sequence.is_stepped()));
        sequence.prefilled -= std::mem::take(&mut sequence.chunk);
        sequence.preempted += 1;
        if self.policy.preemption == Preemption::Save {
            draft.plan.saved.push((row, sequence.number));
            let place = self.suspended.partition_point(|other| other.rank() < sequence.rank());
            self.suspended.insert(place, sequence);
        } else {
            draft.plan.dropped.push(row);
            sequence.prefilled = 0;
            let most = match self.policy.max_chunk {
                None => self.policy.max_step_cost.saturating_sub(1),
                Some(_) => usize::MAX,
            };
            sequence.prefill = (sequence.need.prefill + sequence.steps).min(most);
            waiting.put_back(sequence);
        }
        true
    }

    /// Goes on with what is prefilled in parts, in order.
    fn continue_prefill(&self, draft: &mut Draft<T>) {
        let mut begun: Vec<&mut Sequence<T>> =
            draft.kept.iter_mut().map(|k| &mut k.sequence).collect();
        begun.retain(|sequence| sequence.to_prefill() > 0);
        begun.sort_unstable_by_key(|sequence| sequence.rank());
        for sequence in begun {
            let left = self.policy.max_step_cost.saturating_sub(draft.cost);
            draft.cost += prefill(&self.policy, sequence, left);
            draft.cost += usize::from(sequence.is_stepped());
        }
    }

    /// Gives slots to what waits, in order; returns why it stopped.
    fn admit(
        &mut self,
        now: Instant,
        draft: &mut Draft<T>,
        waiting: &mut Waiting<T>,
    ) -> StepReason {
        loop {
            let Some(origin) = self.next_origin(now, waiting) else {
                return StepReason::NothingWaits;
            };
            let next = match origin {
                Origin::Suspended => self.suspended.first(),
                _ => waiting.peek(now),
            };
            let Some(next) = next else { return StepReason::NothingWaits };
            let is_wanted = next.item.is_wanted();
            if is_wanted && draft.kept.len() >= self.policy.max_slots {
                let priority = next.need.priority;
                let is_never = self.policy.preemption == Preemption::Never;
                if is_never || !self.preempt(draft, waiting, Some(priority)) {
                    return StepReason::Held;
                }
                continue;
            }
            if is_wanted && let Some(reason) = self.lacks(draft, next) {
                return reason;
            }
            self.take(now, draft, waiting, origin);
        }
    }

    /// What a sequence lacks to get a slot; `None` for nothing.
    fn lacks(&self, draft: &Draft<T>, next: &Sequence<T>) -> Option<StepReason> {
        let bytes = draft.state_bytes.saturating_add(next.need.state_bytes);
        if bytes > self.policy.max_state_bytes && !draft.kept.is_empty() {
            return Some(StepReason::StateBytes);
        }
        let left = self.policy.max_step_cost.saturating_sub(draft.cost);
        (left < least_cost(&self.policy, next)).then_some(StepReason::Cost)
    }

    /// Gives a slot to the next sequence, unless its client has left.
    fn take(
        &mut self,
        now: Instant,
        draft: &mut Draft<T>,
        waiting: &mut Waiting<T>,
        origin: Origin,
    ) {
        let taken = match origin {
            Origin::Suspended => Some(self.suspended.remove(0)),
            _ => waiting.pop(now),
        };
        let Some(mut sequence) = taken else { return };
        if !sequence.item.is_wanted() {
            let reason = EndReason::Cancelled;
            draft.plan.ended.push(Ended { row: None, sequence, reason });
            return;
        }
        sequence.has_room = sequence.item.has_room();
        draft.state_bytes += sequence.need.state_bytes;
        let left = self.policy.max_step_cost.saturating_sub(draft.cost);
        draft.cost += prefill(&self.policy, &mut sequence, left);
        draft.cost += usize::from(sequence.is_stepped());
        draft.kept.push(Kept { sequence, origin });
    }

    /// Where the next sequence comes from; `None` when nothing waits.
    fn next_origin(&self, now: Instant, waiting: &Waiting<T>) -> Option<Origin> {
        let suspended = self.suspended.first().map(|next| next.need.priority);
        let next = if self.takes { waiting.peek(now) } else { None };
        let next = next.map(|next| next.need.priority);
        match (suspended, next) {
            (None, None) => None,
            (Some(suspended), Some(next)) if next < suspended => Some(Origin::Waiting),
            (Some(_), _) => Some(Origin::Suspended),
            (None, Some(_)) => Some(Origin::Waiting),
        }
    }

    /// Gives rows to the sequences of a draft.
    fn arrange(&mut self, draft: Draft<T>) -> Plan<T> {
        let Draft { mut plan, kept, .. } = draft;
        let row_before = |kept: &Kept<T>| match kept.origin {
            Origin::Row(row) => Some(row),
            Origin::Suspended | Origin::Waiting => None,
        };
        let wanted: Vec<_> =
            kept.iter().map(|kept| (row_before(kept), kept.sequence.is_stepped())).collect();
        let arranged = arrange(&wanted);
        plan.moves = arranged.moves;
        plan.running = wanted.iter().filter(|(_, is_stepped)| *is_stepped).count();
        let mut placed: Vec<_> = arranged.places.into_iter().zip(kept).collect();
        placed.sort_unstable_by_key(|(row, _)| *row);
        for (row, Kept { mut sequence, origin }) in placed {
            match origin {
                Origin::Row(_) => {}
                Origin::Suspended => plan.restored.push((row, sequence.number)),
                Origin::Waiting => plan.begun.push(row),
            }
            if sequence.chunk > 0 {
                let end = sequence.prefilled;
                plan.prefill.push((row, end - std::mem::take(&mut sequence.chunk)..end));
            }
            self.rows.push(sequence);
        }
        self.running = plan.running;
        if plan.running == self.policy.max_slots {
            plan.reason = StepReason::Full;
        }
        plan
    }
}

/// Why a sequence ends before the next step; `None` when it goes on.
fn end_of<T: SequenceItem>(sequence: &Sequence<T>) -> Option<EndReason> {
    let cancelled = || (!sequence.item.is_wanted()).then_some(EndReason::Cancelled);
    sequence.end.or_else(cancelled)
}

/// Prefills as much as the cost that is left allows; returns the positions.
fn prefill<T>(policy: &StepPolicy, sequence: &mut Sequence<T>, left: usize) -> usize {
    let most = policy.max_chunk.unwrap_or(usize::MAX);
    let mut positions = sequence.to_prefill().min(left).min(most);
    // The last position is left to a step that has room for the sequence itself.
    if positions == sequence.to_prefill() && positions == left {
        positions = positions.saturating_sub(1);
    }
    sequence.prefilled += positions;
    sequence.chunk = positions;
    positions
}

/// The cost without which a sequence can't get a slot.
fn least_cost<T>(policy: &StepPolicy, sequence: &Sequence<T>) -> usize {
    match policy.max_chunk {
        None => sequence.to_prefill() + 1,
        Some(_) => sequence.to_prefill().min(1) + 1,
    }
}
