//! Scales the number of threads of a model with user code.
//!
//! User code may wait (for a socket, a database, a sleep) or compute. While it waits, more threads
//! raise the throughput. While it computes under the GIL or uses all processors, more threads slow
//! each other down. So the concurrency grows while requests wait, the GIL is free and processors are
//! free, and shrinks otherwise.

use std::thread::{available_parallelism, sleep};
use std::time::{Duration, Instant};

use grps_core::{Pressure, Queue};
use pyo3::prelude::*;
use rustix::time::{ClockId, clock_gettime};

/// Time in the queue after which another thread is considered.
const MAX_QUEUE_TIME: Duration = Duration::from_millis(3);
/// Interval of the checks of a model with more than its minimum number of threads.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);
/// Mean wait for the GIL from which on other threads count as computing. A thread that runs short
/// requests releases the GIL often, but holds it most of the time.
const GIL_BUSY: Duration = Duration::from_micros(30);
/// Number of GIL measurements, and the pause before each.
const MEASUREMENTS: u32 = 8;
const MEASUREMENT_PAUSE: Duration = Duration::from_micros(200);
/// Number of consecutive checks without computing threads before the concurrency grows: a single
/// check may hit a short pause.
const FREE_CHECKS: u32 = 2;
/// Pause after a check that has found computing threads.
const BACKOFF: Duration = Duration::from_millis(20);
/// Share of the processor time above which more threads do not help.
const PROCESSORS_FULL: f64 = 0.9;

/// Watches the queue of one model from a separate Python thread.
#[derive(Debug)]
pub(crate) struct ThreadScaler {
    /// Time of the last processor measurement, and the processor time until then.
    last: (Instant, Duration),
    /// Number of consecutive checks that have found the GIL and the processors free.
    free_checks: u32,
}

impl ThreadScaler {
    pub(crate) fn new() -> Self {
        // The previous check of the caller counts: it has just found them free.
        Self { last: (Instant::now(), processor_time()), free_checks: FREE_CHECKS - 1 }
    }

    /// Waits until one more thread should start, between `min` and `max` threads in total. Returns
    /// false when the queue is closed or `ended` returns true.
    pub(crate) fn wait(
        &mut self,
        py: Python<'_>,
        queue: &Queue,
        ended: impl Fn() -> bool + Sync,
        (min, max): (usize, usize),
    ) -> bool {
        loop {
            let pressure = py.detach(|| watch(queue, min, &ended));
            if pressure == Pressure::Closed || ended() {
                return false;
            }
            let is_computing = self.processors_are_full() || gil_wait(py) > GIL_BUSY;
            self.free_checks = if is_computing { 0 } else { self.free_checks.saturating_add(1) };
            match pressure {
                _ if is_computing => {
                    queue.lower_concurrency(min);
                    py.detach(|| sleep(BACKOFF));
                }
                _ if self.free_checks < FREE_CHECKS => {}
                Pressure::High if !queue.raise_concurrency() && queue.pullers() < max => {
                    return true;
                }
                _ => {}
            }
        }
    }

    fn processors_are_full(&mut self) -> bool {
        let (since, used) = self.last;
        let (now, total) = (Instant::now(), processor_time());
        self.last = (now, total);
        let processors = available_parallelism().map_or(1.0, |count| count.get() as f64);
        let spent = total.saturating_sub(used).as_secs_f64();
        spent > PROCESSORS_FULL * processors * now.duration_since(since).as_secs_f64()
    }
}

/// Waits until a decision is needed. An idle model with its minimum number of threads is checked
/// without the GIL, because a service may have hundreds of models.
fn watch(queue: &Queue, min: usize, ended: impl Fn() -> bool) -> Pressure {
    loop {
        let pressure = queue.watch(MAX_QUEUE_TIME, CHECK_INTERVAL);
        if pressure != Pressure::Low || queue.concurrency() > min || ended() {
            return pressure;
        }
    }
}

/// Measures the mean time to acquire the GIL.
fn gil_wait(py: Python<'_>) -> Duration {
    let waits = (0..MEASUREMENTS).map(|_| {
        let requested = py.detach(|| {
            sleep(MEASUREMENT_PAUSE);
            Instant::now()
        });
        requested.elapsed()
    });
    waits.sum::<Duration>() / MEASUREMENTS
}

/// Processor time of the process.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}
