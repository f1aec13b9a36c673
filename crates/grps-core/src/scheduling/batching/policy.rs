//! What a model's batches may look like and how long a request may wait for company.

use std::time::Duration;

use crate::scheduling::batching::padding::Padding;
use crate::tensor::tensor::Tensor;

/// When an idle instance waits for more requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Never: it takes what there is, and what arrives meanwhile is its next batch.
    WhenBusy,
    /// Always, until the batch is full or its oldest request has waited for the whole window.
    Always,
}

/// How the requests of one model are gathered into batches.
#[derive(Clone, Debug)]
pub struct BatchPolicy {
    /// Most rows of a batch; 1 for a model that does not batch.
    pub max_rows: usize,
    /// When an idle instance waits for more requests.
    pub wait: Wait,
    /// Longest time a request waits for company under [`Wait::Always`].
    pub window: Duration,
    /// Row counts, ascending, that a batch is cut to when it can't be full.
    pub preferred: Vec<usize>,
    /// Row counts, ascending, that the model takes; batches are filled up to the next one.
    /// Empty when it takes any.
    pub allowed: Vec<usize>,
    /// How differing shapes are brought together; `None` when only equal ones share a batch.
    pub padding: Option<Padding>,
    /// Levels of urgency; a more urgent request is taken first.
    pub levels: usize,
    /// Most requests that may wait for an instance.
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
            levels: 1,
            max_length: usize::MAX,
        }
    }
}

impl BatchPolicy {
    /// Whether several requests may leave together.
    pub fn batches(&self) -> bool {
        self.max_rows > 1
    }

    /// Whether an idle instance may let requests wait for company.
    pub(crate) fn lets_wait(&self) -> bool {
        self.batches() && self.wait == Wait::Always
    }

    /// How the tensors of a request are padded; `None` when they stay as they are.
    pub(crate) fn padding_of(&self, tensors: &[Tensor]) -> Option<&Padding> {
        self.padding.as_ref().filter(|padding| padding.applies(tensors))
    }

    /// The rows that a batch of `rows` is filled up to.
    pub(crate) fn padded_rows(&self, rows: usize) -> usize {
        if rows == 0 {
            return 0;
        }
        self.allowed.iter().copied().find(|size| *size >= rows).unwrap_or(rows)
    }
}
