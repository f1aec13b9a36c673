//! The heartbeat of an event loop of user code.

use std::time::{Duration, Instant};

use grps_core::LoopHeartbeat;
use pyo3::prelude::*;

/// Shortest and longest interval at which a loop beats.
const INTERVALS: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// The heartbeat of an event loop: the model is not ready while the loop has work and does not beat.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct Heartbeat {
    heartbeat: LoopHeartbeat,
    interval: Duration,
}

impl Heartbeat {
    pub(crate) fn new(heartbeat: LoopHeartbeat, hang_timeout: Option<Duration>) -> Self {
        let (shortest, longest) = INTERVALS;
        let interval = hang_timeout.map_or(longest, |limit| (limit / 4).clamp(shortest, longest));
        Self { heartbeat, interval }
    }
}

#[pymethods]
impl Heartbeat {
    /// Seconds between two beats of a loop that has work.
    #[getter]
    fn interval_s(&self) -> f64 {
        self.interval.as_secs_f64()
    }

    /// Expects a beat from here on, unless one is expected already.
    fn expect(&self) {
        self.heartbeat.begin(Instant::now());
    }

    /// Beats.
    fn beat(&self) {
        self.heartbeat.beat(Instant::now());
    }

    /// Expects no beat: the loop has no work.
    fn rest(&self) {
        self.heartbeat.rest();
    }
}
