//! What an instance does in one step.

use std::ops::Range;

use crate::scheduling::steps::sequence::{EndReason, Sequence};

/// What an instance does in one step, in the order of the fields.
///
/// Rows are places of slots: those of the sequences that are stepped come first, without a gap.
#[derive(Debug)]
pub struct Plan<T> {
    /// Sequences that ended, with the rows they had before the step.
    pub ended: Vec<Ended<T>>,
    /// Rows whose state is saved, with the numbers of their sequences.
    pub saved: Vec<(usize, u64)>,
    /// Rows whose state is dropped; their sequences begin again later.
    pub dropped: Vec<usize>,
    /// Rows that go to another place, all at once: from, to.
    pub moves: Vec<(usize, usize)>,
    /// Rows whose sequence begins.
    pub begun: Vec<usize>,
    /// Rows that get their saved state back, with the numbers of their sequences.
    pub restored: Vec<(usize, u64)>,
    /// Rows that are prefilled, and which positions.
    pub prefill: Vec<(usize, Range<usize>)>,
    /// So many rows are stepped, from the first on.
    pub running: usize,
    /// Why the step has no more rows.
    pub reason: StepReason,
}

/// A sequence that ended.
#[derive(Debug)]
pub struct Ended<T> {
    /// Its row before the step; `None` when its state was saved, or was never there.
    pub row: Option<usize>,
    /// The sequence.
    pub sequence: Sequence<T>,
    /// Why it ended.
    pub reason: EndReason,
}

/// Why a step has no more rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepReason {
    /// All slots are stepped.
    Full,
    /// Nothing waits.
    NothingWaits,
    /// The next sequence has no room in the cost of a step.
    Cost,
    /// The next sequence has no room in the bytes of states.
    StateBytes,
    /// Slots are held by sequences whose clients are slow, or that are prefilled.
    Held,
}

impl StepReason {
    /// All reasons, in the order of their counters.
    pub const ALL: [Self; 5] =
        [Self::Full, Self::NothingWaits, Self::Cost, Self::StateBytes, Self::Held];

    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::NothingWaits => "nothing_waits",
            Self::Cost => "cost",
            Self::StateBytes => "state_bytes",
            Self::Held => "held",
        }
    }
}

impl<T> Plan<T> {
    /// Whether the instance has nothing to do.
    pub fn is_empty(&self) -> bool {
        self.running == 0
            && self.ended.is_empty()
            && self.saved.is_empty()
            && self.dropped.is_empty()
            && self.moves.is_empty()
            && self.begun.is_empty()
            && self.restored.is_empty()
            && self.prefill.is_empty()
    }
}
