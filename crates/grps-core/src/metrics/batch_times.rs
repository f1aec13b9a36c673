//! What the batches of one model took, by their size.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;

use crate::metrics::stage::CallStage;
use crate::request::timeline::CallTimes;

/// Sizes that are told apart; batches of further sizes are not counted.
const MAX_SIZES: usize = 256;
/// What one batch counts, shared by its calls: each of them adds its part.
const WHOLE: u64 = 1 << 20;

/// The batches of one size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchTimes {
    /// Rows of each batch.
    pub rows: u64,
    /// Batches whose calls succeeded.
    pub batches: u64,
    /// Time of the converter before the model, in all batches.
    pub preprocess: Duration,
    /// Time of the model.
    pub infer: Duration,
    /// Time of the converter behind it.
    pub postprocess: Duration,
}

/// Counters of one size.
#[derive(Debug, Default)]
struct Size {
    /// Calls, each as its part of [`WHOLE`].
    parts: AtomicU64,
    /// Nanoseconds of each stage, in the order of [`STAGES`].
    spent_ns: [AtomicU64; STAGES.len()],
}

const STAGES: [CallStage; 3] = [CallStage::Preprocess, CallStage::Infer, CallStage::Postprocess];

/// Counters of all sizes.
#[derive(Debug, Default)]
pub(super) struct BatchTimesBySize(RwLock<BTreeMap<u32, Size>>);

impl BatchTimesBySize {
    /// Adds a call: its part of its batch.
    pub(super) fn add(&self, times: &CallTimes) {
        let batch = times.timings.batch;
        let rows = batch.rows.max(1);
        if let Some(size) = self.0.read().get(&rows) {
            return size.add(times);
        }
        let mut sizes = self.0.write();
        if sizes.len() < MAX_SIZES || sizes.contains_key(&rows) {
            sizes.entry(rows).or_default().add(times);
        }
    }

    /// All sizes in ascending order.
    pub(super) fn read(&self) -> Vec<BatchTimes> {
        let sizes = self.0.read();
        sizes.iter().map(|(rows, size)| size.read(*rows)).collect()
    }
}

impl Size {
    fn add(&self, times: &CallTimes) {
        let requests = u64::from(times.timings.batch.requests.max(1));
        self.parts.fetch_add(WHOLE / requests, Ordering::Relaxed);
        for (stage, duration) in times.stages() {
            let counter = STAGES.iter().position(|own| *own == stage);
            if let Some(counter) = counter.and_then(|index| self.spent_ns.get(index)) {
                let spent_ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
                counter.fetch_add(spent_ns / requests, Ordering::Relaxed);
            }
        }
    }

    fn read(&self, rows: u32) -> BatchTimes {
        let [preprocess, infer, postprocess] = self
            .spent_ns
            .each_ref()
            .map(|spent| Duration::from_nanos(spent.load(Ordering::Relaxed)));
        // Rounded: the parts of a batch are a little less than the whole, or calls of it run.
        let batches = (self.parts.load(Ordering::Relaxed) + WHOLE / 2) / WHOLE;
        BatchTimes { rows: u64::from(rows), batches, preprocess, infer, postprocess }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::request::timeline::{BatchInfo, CallTimings};

    const MS: Duration = Duration::from_millis(1);

    fn call(requests: usize, rows: usize) -> CallTimes {
        let began = Instant::now();
        let mut timings = CallTimings::begin(began, None, BatchInfo::of(requests, rows, None));
        timings.mark(CallStage::Preprocess, began + 3 * MS);
        timings.mark(CallStage::Infer, began + 9 * MS);
        CallTimes { began, timings: timings.ended(began + 12 * MS) }
    }

    #[test]
    fn the_calls_of_a_batch_count_as_one() {
        let times = BatchTimesBySize::default();
        for _ in 0..3 {
            times.add(&call(3, 8));
        }
        times.add(&call(1, 0));
        let of = |rows| BatchTimes {
            rows,
            batches: 1,
            preprocess: 3 * MS,
            infer: 6 * MS,
            postprocess: 3 * MS,
        };
        assert_eq!(times.read(), [of(1), of(8)]);
    }

    #[test]
    fn the_number_of_sizes_is_limited() {
        let times = BatchTimesBySize::default();
        for rows in 1..=MAX_SIZES + 1 {
            times.add(&call(1, rows));
        }
        assert_eq!(times.read().len(), MAX_SIZES);
        times.add(&call(1, 1));
        assert_eq!(times.read()[0].batches, 2);
    }
}
