//! What the packets about steps say, apart from the elements of tensors; see [`crate::meta`].

use grps_core::{Cause, Error};
use serde::{Deserialize, Serialize};

use crate::meta::{EntryMeta, TensorMeta, invalid_argument};

/// What a step model does in one step, in the order of the fields; see [`grps_core::Plan`]. The
/// worker reads it as a [`ReceivedStep`].
#[derive(Debug, Serialize)]
pub(crate) struct StepMeta<'a> {
    /// Names the step in the packet that answers it.
    pub(crate) number: u64,
    /// Sequences that ended: the row they had, if they had one, their number, and why.
    pub(crate) ended: Vec<(Option<usize>, u64, &'a str)>,
    /// Rows whose state is saved, and the numbers of their sequences.
    pub(crate) saved: &'a [(usize, u64)],
    /// Rows whose state is dropped.
    pub(crate) dropped: &'a [usize],
    /// Rows that go to another place, all at once: from, to.
    pub(crate) moves: (Vec<usize>, Vec<usize>),
    /// Sequences that begin.
    pub(crate) begun: Vec<BegunMeta<'a>>,
    /// Rows that get their saved state back, with the numbers of their sequences.
    pub(crate) restored: &'a [(usize, u64)],
    /// Rows that are prefilled: row, first position, position behind the last.
    pub(crate) prefill: Vec<(usize, usize, usize)>,
    /// So many rows are stepped, from the first on.
    pub(crate) running: usize,
}

/// A [`StepMeta`], as the worker reads it.
#[derive(Debug, Deserialize)]
pub(crate) struct ReceivedStep<'a> {
    pub(crate) number: u64,
    pub(crate) ended: Vec<(Option<usize>, u64, &'a str)>,
    pub(crate) saved: Vec<(usize, u64)>,
    pub(crate) dropped: Vec<usize>,
    pub(crate) moves: (Vec<usize>, Vec<usize>),
    #[serde(borrow)]
    pub(crate) begun: Vec<BegunMeta<'a>>,
    pub(crate) restored: Vec<(usize, u64)>,
    pub(crate) prefill: Vec<(usize, usize, usize)>,
    pub(crate) running: usize,
}

/// A sequence that begins.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct BegunMeta<'a> {
    pub(crate) row: usize,
    /// The number of the sequence.
    pub(crate) sequence: u64,
    #[serde(borrow)]
    pub(crate) entry: EntryMeta<'a>,
    pub(crate) inputs: Vec<TensorMeta>,
    /// Outputs of the steps that it made before it lost its state.
    pub(crate) outputs: Vec<TensorMeta>,
}

/// Sequences by their numbers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SequencesMeta {
    pub(crate) sequences: Vec<u64>,
}

/// A row that failed: its number, the text, and the HTTP status if user code refused the request.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FailedRow(usize, String, Option<u16>);

impl From<(usize, Error)> for FailedRow {
    fn from((row, error): (usize, Error)) -> Self {
        let is_clients = error.cause() == Cause::InvalidArgument;
        let status = is_clients.then(|| error.status().unwrap_or_else(invalid_argument));
        Self(row, error.message().to_owned(), status)
    }
}

impl FailedRow {
    /// The row, and what its client gets.
    pub(crate) fn into_error(self) -> (usize, Error) {
        let Self(row, text, status) = self;
        let error = match status {
            Some(status) => Error::refused(text, status),
            None => Error::new(Cause::ModelFailed, text),
        };
        (row, error)
    }
}

/// What the rows of a step returned; see [`grps_core::StepOutcome`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SteppedMeta {
    pub(crate) number: u64,
    pub(crate) outputs: Vec<TensorMeta>,
    pub(crate) finished: Vec<bool>,
    pub(crate) failed: Vec<FailedRow>,
    pub(crate) state_bytes: Vec<Option<usize>>,
    pub(crate) lengths: Vec<usize>,
    pub(crate) cache_usage: Option<f32>,
}

/// Rows of a step that failed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RowsFailedMeta {
    pub(crate) number: u64,
    pub(crate) failed: Vec<FailedRow>,
}
