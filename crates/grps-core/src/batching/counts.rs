//! How many batches left, how large they were, and why some were small.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why a batch left below its maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// An instance was idle and nothing else waited.
    IdleInstance,
    /// Its oldest request had waited for the whole window.
    Timeout,
    /// Others waited, but with tensors of other names, types or shapes.
    Shape,
    /// Others waited, but with another batch key.
    Key,
    /// It held a request of the most urgent level, which does not wait for company.
    Priority,
    /// The next request would not have fit, or the batch was cut to a preferred size.
    Size,
}

impl Reason {
    /// All reasons, in the order they are counted.
    pub const ALL: [Self; 6] =
        [Self::IdleInstance, Self::Timeout, Self::Shape, Self::Key, Self::Priority, Self::Size];

    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::IdleInstance => "idle_instance",
            Self::Timeout => "timeout",
            Self::Shape => "shape",
            Self::Key => "key",
            Self::Priority => "priority",
            Self::Size => "size",
        }
    }
}

/// Counters of one model's batches; any thread may read them.
#[derive(Debug, Default)]
pub struct BatchCounts {
    /// Batches that left.
    batches: AtomicU64,
    /// Rows in them.
    rows: AtomicU64,
    /// Small batches by reason, in the order of [`Reason::ALL`].
    small: [AtomicU64; Reason::ALL.len()],
}

impl BatchCounts {
    pub(crate) fn add(&self, rows: usize, reason: Option<Reason>) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
        if let Some(counter) = reason.and_then(|reason| self.small.get(reason as usize)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Batches that left.
    pub fn batches(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }

    /// Rows in all of them.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// All counters at this moment: batches, rows, and small batches in the order of
    /// [`Reason::ALL`].
    pub(crate) fn read(&self) -> (u64, u64, [u64; Reason::ALL.len()]) {
        (self.batches(), self.rows(), Reason::ALL.map(|reason| self.small(reason)))
    }

    /// Batches that left below their maximum for this reason.
    pub fn small(&self, reason: Reason) -> u64 {
        self.small.get(reason as usize).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }
}
