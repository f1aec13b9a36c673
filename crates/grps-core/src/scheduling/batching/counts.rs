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

/// Sizes that batches are counted by: powers of two up to 1024 rows, and what is larger.
const SIZES: usize = 12;

/// Counters of one model's batches; any thread may read them.
#[derive(Debug, Default)]
pub struct BatchCounts {
    /// Batches that left.
    batches: AtomicU64,
    /// Rows in them.
    rows: AtomicU64,
    /// Small batches by reason, in the order of [`Reason::ALL`].
    small: [AtomicU64; Reason::ALL.len()],
    /// Batches by their rows: up to 1, 2, 4 … and the rest.
    sizes: [AtomicU64; SIZES],
}

impl BatchCounts {
    pub(crate) fn add(&self, rows: usize, reason: Option<Reason>) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
        let size = rows.max(1).next_power_of_two().ilog2() as usize;
        if let Some(counter) = self.sizes.get(size.min(SIZES - 1)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
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

    /// Batches by their rows, each up to a size that the one before it is below; the last one has
    /// no limit.
    pub fn sizes(&self) -> impl Iterator<Item = (Option<u64>, u64)> {
        let limits = (0..SIZES).map(|power| (power + 1 < SIZES).then(|| 1u64 << power));
        limits.zip(self.sizes.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    /// Batches that left below their maximum for this reason.
    pub fn small(&self, reason: Reason) -> u64 {
        self.small.get(reason as usize).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_counted_up_to_their_limits() {
        let counts = BatchCounts::default();
        for rows in [1, 2, 3, 4, 5, 1024, 1025, 1 << 20] {
            counts.add(rows, None);
        }
        let sizes: Vec<_> = counts.sizes().filter(|(_, count)| *count > 0).collect();
        let expected = [(Some(1), 1), (Some(2), 1), (Some(4), 2), (Some(8), 1), (Some(1024), 1)];
        assert_eq!(sizes[..5], expected);
        assert_eq!(sizes[5..], [(None, 2)]);
    }
}
