//! When one more runner thread helps a model of the user's.
//!
//! User code may wait (for a socket, a database, a sleep) or compute. While it waits, more threads
//! mean more answers; while it computes under the GIL or fills the processors, they only get in each
//! other's way. So the number of threads that run at once grows while requests wait in vain, the GIL
//! is free and the processors are not full, and shrinks again otherwise.

use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use grps_core::{Pressure, Queue};
use pyo3::prelude::*;
use rustix::time::{ClockId, clock_gettime};

/// How long a request may wait before another thread is considered.
const PATIENCE: Duration = Duration::from_millis(3);
/// How often a model with more than its least threads is looked at.
const PROBE: Duration = Duration::from_millis(100);
/// Waiting this long for the GIL means that others compute under it.
const GIL_BUSY: Duration = Duration::from_micros(500);
/// Share of the processors' time above which more threads can't help.
const PROCESSORS_FULL: f64 = 0.9;

/// Watches one model's queue from a Python thread of its own.
#[derive(Debug)]
pub(crate) struct Growth {
    /// When the processors were last looked at, and the process's time on them until then.
    last: (Instant, Duration),
}

impl Growth {
    pub(crate) fn new() -> Self {
        Self { last: (Instant::now(), processor_time()) }
    }

    /// Waits until one more thread should be started, `least` to `most` in all; false once
    /// the queue is closed or `ended` says so.
    pub(crate) fn wait(
        &mut self,
        py: Python<'_>,
        queue: &Queue,
        ended: impl Fn() -> bool,
        (least, most): (usize, usize),
    ) -> bool {
        loop {
            let (pressure, seen) = py.detach(|| (queue.watch(PATIENCE, PROBE), Instant::now()));
            let computing = seen.elapsed() > GIL_BUSY || self.processors_are_full();
            match pressure {
                Pressure::Closed => return false,
                _ if ended() => return false,
                _ if computing => queue.lower_level(least),
                Pressure::High if !queue.raise_level() && queue.pullers() < most => return true,
                Pressure::High | Pressure::Low => {}
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

/// Time the process has spent on processors.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}
