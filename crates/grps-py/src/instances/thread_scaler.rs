//! When one more runner thread helps a model of the user's.
//!
//! User code may wait (for a socket, a database, a sleep) or compute. While it waits, more threads
//! mean more answers; while it computes under the GIL or fills the processors, they only get in each
//! other's way. So the number of threads that run at once grows while requests wait in vain, the GIL
//! is free and the processors are not full, and shrinks again otherwise.

use std::thread::{available_parallelism, sleep};
use std::time::{Duration, Instant};

use grps_core::{Pressure, Queue};
use pyo3::prelude::*;
use rustix::time::{ClockId, clock_gettime};

/// How long a request may wait before another thread is considered.
const PATIENCE: Duration = Duration::from_millis(3);
/// How often a model with more than its least threads is looked at.
const PROBE: Duration = Duration::from_millis(100);
/// Waiting this long for the GIL on average means that others compute under it: who takes it for one
/// short request after another lets go of it often, but is rarely without it.
const GIL_BUSY: Duration = Duration::from_micros(30);
/// How often the GIL is tried, and the time in between.
const TRIES: u32 = 8;
const TRY_PAUSE: Duration = Duration::from_micros(200);
/// Looks in a row that must find nobody computing: one may come in a short pause.
const CALM: u32 = 2;
/// Time in which user code that computes is left in peace.
const REST: Duration = Duration::from_millis(20);
/// Share of the processors' time above which more threads can't help.
const PROCESSORS_FULL: f64 = 0.9;

/// Watches one model's queue from a Python thread of its own.
#[derive(Debug)]
pub(crate) struct ThreadScaler {
    /// When the processors were last looked at, and the process's time on them until then.
    last: (Instant, Duration),
    /// How many looks in a row have found the GIL and the processors free.
    calm: u32,
}

impl ThreadScaler {
    pub(crate) fn new() -> Self {
        // Whoever asks again has just found them so.
        Self { last: (Instant::now(), processor_time()), calm: CALM - 1 }
    }

    /// Waits until one more thread should be started, `least` to `most` in all; false once
    /// the queue is closed or `ended` says so.
    pub(crate) fn wait(
        &mut self,
        py: Python<'_>,
        queue: &Queue,
        ended: impl Fn() -> bool + Sync,
        (least, most): (usize, usize),
    ) -> bool {
        loop {
            let pressure = py.detach(|| watch(queue, least, &ended));
            if pressure == Pressure::Closed || ended() {
                return false;
            }
            let computing = self.processors_are_full() || gil_wait(py) > GIL_BUSY;
            self.calm = if computing { 0 } else { self.calm.saturating_add(1) };
            match pressure {
                _ if computing => {
                    queue.lower_concurrency(least);
                    py.detach(|| sleep(REST));
                }
                _ if self.calm < CALM => {}
                Pressure::High if !queue.raise_concurrency() && queue.pullers() < most => {
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

/// Waits until there is something to decide. A model at its least threads that nobody waits for is
/// looked at without the GIL: a service may have hundreds.
fn watch(queue: &Queue, least: usize, ended: impl Fn() -> bool) -> Pressure {
    loop {
        let pressure = queue.watch(PATIENCE, PROBE);
        if pressure != Pressure::Low || queue.concurrency() > least || ended() {
            return pressure;
        }
    }
}

/// How long it takes on average to get the GIL back.
fn gil_wait(py: Python<'_>) -> Duration {
    let waits = (0..TRIES).map(|_| {
        let wanted = py.detach(|| {
            sleep(TRY_PAUSE);
            Instant::now()
        });
        wanted.elapsed()
    });
    waits.sum::<Duration>() / TRIES
}

/// Time the process has spent on processors.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}
