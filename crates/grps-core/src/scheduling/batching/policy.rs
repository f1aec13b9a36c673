//! The batching policy of a model: sizes of its batches, and how long requests wait to fill them.

use std::time::Duration;

use crate::scheduling::batching::auto::AutoPolicy;
use crate::scheduling::batching::padding::Padding;
use crate::tensor::tensor::Tensor;

/// When an idle instance waits for more requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Never: it takes all waiting requests. Requests that arrive meanwhile form its next batch.
    WhenBusy,
    /// Always, until the batch is full or its oldest request has waited for the whole window.
    Always,
}

/// How the requests of one model form batches.
#[derive(Clone, Debug)]
pub struct BatchPolicy {
    /// Maximum number of rows of a batch; 1 for a model that does not batch.
    pub max_rows: usize,
    /// When an idle instance waits for more requests.
    pub wait: Wait,
    /// Maximum time that a request waits to fill the batch under [`Wait::Always`].
    pub window: Duration,
    /// Preferred numbers of rows, ascending, for batches that are not full.
    pub preferred: Vec<usize>,
    /// Numbers of rows, ascending, that the model supports; batches are padded to the next one.
    /// Empty for a model that supports any number.
    pub allowed: Vec<usize>,
    /// How tensors of different shapes are padded; `None` when only equal shapes share a batch.
    pub padding: Option<Padding>,
    /// How sizes, waits and concurrency are chosen while the model runs, within the limits above;
    /// `None` for fixed ones.
    pub auto: Option<AutoPolicy>,
    /// Number of priorities; requests with a larger priority get the last one.
    pub priority_levels: usize,
    /// Maximum number of requests that wait for an instance.
    pub max_length: usize,
}

impl Default for BatchPolicy {
    /// One request at a time, in order of arrival.
    fn default() -> Self {
        Self {
            max_rows: 1,
            wait: Wait::WhenBusy,
            window: Duration::ZERO,
            preferred: Vec::new(),
            allowed: Vec::new(),
            padding: None,
            auto: None,
            priority_levels: 1,
            max_length: usize::MAX,
        }
    }
}

impl BatchPolicy {
    /// Whether several requests can share a batch.
    pub fn batches(&self) -> bool {
        self.max_rows > 1
    }

    /// Whether requests wait to fill a batch while an instance is idle.
    pub(crate) fn lets_wait(&self) -> bool {
        self.batches() && self.wait == Wait::Always
    }

    /// How the tensors of a request are padded; `None` without padding.
    pub(crate) fn padding_of(&self, tensors: &[Tensor]) -> Option<&Padding> {
        self.padding.as_ref().filter(|padding| padding.applies(tensors))
    }

    /// The number of rows that a batch of `rows` is padded to.
    pub(crate) fn padded_rows(&self, rows: usize) -> usize {
        if rows == 0 {
            return 0;
        }
        self.allowed.iter().copied().find(|size| *size >= rows).unwrap_or(rows)
    }
}
