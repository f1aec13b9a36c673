//! How the sequences of a step model are scheduled.

use std::time::Duration;

/// What becomes of a sequence that must give its slot away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preemption {
    /// No sequence must: what waits, waits for the end of another one.
    Never,
    /// Its state is kept outside of the slots, and put back later.
    #[default]
    Save,
    /// Its state is dropped; it begins again, with the outputs that it has had.
    Recompute,
}

/// How the sequences of a step model are scheduled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepPolicy {
    /// Most sequences that an instance holds at once.
    pub max_slots: usize,
    /// Most cost of one step: one for each sequence that is stepped, and the prefilled positions.
    /// Never below `max_slots`, so that every step has room for all slots.
    pub max_step_cost: usize,
    /// Most positions of one prefill in one step; `None` when the model prefills as a whole.
    pub max_chunk: Option<usize>,
    /// The input whose last dimension says how many positions are prefilled; one when `None`.
    pub prefill_input: Option<String>,
    /// Bytes of the state of a sequence when it begins.
    pub state_bytes: usize,
    /// Bytes that each position of its prefill adds to that.
    pub position_bytes: usize,
    /// Levels of urgency.
    pub priority_levels: u8,
    /// Most sequences that wait.
    pub max_waiting: usize,
    /// Most bytes of the inputs that wait.
    pub max_waiting_bytes: usize,
    /// Most bytes of the states that an instance holds.
    pub max_state_bytes: usize,
    /// Steps after which a sequence ends in any case.
    pub max_steps: usize,
    /// What becomes of a sequence that must give its slot away.
    pub preemption: Preemption,
    /// A sequence that waited so long goes before more urgent ones at every eighth turn.
    pub patience: Duration,
}

impl Default for StepPolicy {
    fn default() -> Self {
        Self {
            max_slots: 16,
            max_step_cost: usize::MAX,
            max_chunk: None,
            prefill_input: None,
            state_bytes: 0,
            position_bytes: 0,
            priority_levels: 1,
            max_waiting: usize::MAX,
            max_waiting_bytes: usize::MAX,
            max_state_bytes: usize::MAX,
            max_steps: 4096,
            preemption: Preemption::default(),
            patience: Duration::from_secs(5),
        }
    }
}
