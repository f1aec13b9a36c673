//! Counters for the batches of one model: number, sizes, and reasons of small batches.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why a batch was smaller than the maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// An instance was idle and no other request waited.
    IdleInstance,
    /// The oldest request had waited for the whole window.
    Timeout,
    /// Other requests waited, but with tensors of other names, types or shapes.
    Shape,
    /// Other requests waited, but with another batch key.
    Key,
    /// The batch had a request of the highest priority, which does not wait to fill a batch.
    Priority,
    /// The next request did not fit, or the batch was limited to a preferred or a learned size.
    Size,
}

impl Reason {
    /// All reasons, in the order of the counters.
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

/// Size classes of batches: powers of two up to 1024 rows, and larger ones.
const SIZES: usize = 12;

/// Counters for the batches of one model; any thread can read them.
#[derive(Debug, Default)]
pub struct BatchCounts {
    /// Number of batches.
    batches: AtomicU64,
    /// Number of rows in all batches.
    rows: AtomicU64,
    /// Small batches by reason, in the order of [`Reason::ALL`].
    small: [AtomicU64; Reason::ALL.len()],
    /// Batches by number of rows: up to 1, 2, 4 … 1024, and larger ones.
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

    /// Number of batches.
    pub fn batches(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }

    /// Number of rows in all batches.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// All counters at this moment: batches, rows, and small batches in the order of
    /// [`Reason::ALL`].
    pub(crate) fn read(&self) -> (u64, u64, [u64; Reason::ALL.len()]) {
        (self.batches(), self.rows(), Reason::ALL.map(|reason| self.small(reason)))
    }

    /// Upper limits of the size classes and the batches in each; the last class has no limit.
    pub fn sizes(&self) -> impl Iterator<Item = (Option<u64>, u64)> {
        let limits = (0..SIZES).map(|power| (power + 1 < SIZES).then(|| 1u64 << power));
        limits.zip(self.sizes.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    /// Number of small batches with this reason.
    pub fn small(&self, reason: Reason) -> u64 {
        self.small.get(reason as usize).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_size_classes_are_inclusive() {
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
