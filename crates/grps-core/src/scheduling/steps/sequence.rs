//! One sequence: what the scheduler knows of a request of a step model.

use std::net::IpAddr;
use std::time::Instant;

/// What the scheduler asks of the request behind a sequence.
pub(crate) trait SequenceItem {
    /// Whether a client still waits for it.
    fn is_wanted(&self) -> bool;

    /// Whether its client can take the output of a step.
    fn has_room(&self) -> bool;
}

/// What a sequence needs, as its request declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Urgency, 0 for the most urgent.
    pub priority: u8,
    /// Whose turn it is; `None` for nobody in particular.
    pub client: Option<IpAddr>,
    /// Positions to prefill; at least 1.
    pub prefill: usize,
    /// Tokens of its prompt, for a language model.
    pub prompt_tokens: usize,
    /// Bytes of its state.
    pub state_bytes: usize,
    /// Bytes of its input.
    pub input_bytes: usize,
}

/// A sequence.
#[derive(Debug)]
pub struct Sequence<T> {
    /// The request.
    pub item: T,
    /// What it needs.
    pub need: Need,
    /// When it came.
    pub arrived: Instant,
    /// Position in the order of arrival.
    pub number: u64,
    /// Positions to prefill: those of the input, and after a preemption those of the outputs too.
    pub prefill: usize,
    /// Positions that are prefilled.
    pub prefilled: usize,
    /// Positions that the step prefills that is planned.
    pub(crate) chunk: usize,
    /// Steps it has made.
    pub steps: usize,
    /// When its last output was; its arrival before the first one.
    pub(crate) last_output: Instant,
    /// Whether it had an output.
    pub(crate) has_output: bool,
    /// How often it gave its slot away.
    pub preempted: usize,
    /// Whether an instance was lost before it began with the sequence.
    pub(crate) is_returned: bool,
    /// Whether its client could take the output of a step when the step was planned.
    pub(crate) has_room: bool,
    /// Why it ends; `None` while it goes on.
    pub end: Option<EndReason>,
}

/// Why a sequence ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The model says so.
    Finished,
    /// Its text has a stop string.
    StopString,
    /// It has made the most steps.
    MaxSteps,
    /// The client has left, or the deadline has passed.
    Cancelled,
    /// The model failed.
    Failed,
}

impl EndReason {
    /// All reasons, in the order of their counters.
    pub const ALL: [Self; 5] =
        [Self::Finished, Self::StopString, Self::MaxSteps, Self::Cancelled, Self::Failed];

    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::StopString => "stop_string",
            Self::MaxSteps => "max_steps",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}

impl<T> Sequence<T> {
    /// Positions that are still to be prefilled.
    pub fn to_prefill(&self) -> usize {
        self.prefill.saturating_sub(self.prefilled)
    }

    /// Whether it is in the step that is planned.
    pub(crate) fn is_stepped(&self) -> bool {
        self.to_prefill() == 0 && self.has_room
    }

    /// Order in which sequences keep their slots: the most urgent and earliest first.
    pub(crate) fn rank(&self) -> (u8, u64) {
        (self.need.priority, self.number)
    }
}
