//! Some of the requests behind the counts of a histogram, so that a look at a slow bucket leads to a
//! request, its log lines and its trace.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use crate::metrics::histogram::bound_of;
use crate::request::timeline::Timeline;

/// The time between two requests that are kept: all others cost nothing but a look at the clock.
const PAUSE: Duration = Duration::from_millis(100);

/// One request behind a count.
#[derive(Clone, Debug)]
pub struct Exemplar {
    /// The request.
    pub timeline: Arc<Timeline>,
    /// How long it took.
    pub duration: Duration,
    /// When it ended.
    pub at: SystemTime,
}

/// A request of late for each bound of a histogram.
#[derive(Debug)]
pub struct Exemplars {
    born: Instant,
    /// When the last one was kept, in milliseconds since `born`.
    last_ms: AtomicU64,
    /// By the bound that the request's duration is below.
    kept: Mutex<BTreeMap<Duration, Exemplar>>,
}

impl Default for Exemplars {
    fn default() -> Self {
        Self { born: Instant::now(), last_ms: AtomicU64::new(0), kept: Mutex::default() }
    }
}

impl Exemplars {
    /// Keeps a request that has just ended, unless another one was kept just before it.
    pub fn offer(&self, timeline: &Arc<Timeline>, duration: Duration) {
        let now = (timeline.began() + duration).saturating_duration_since(self.born);
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let last_ms = self.last_ms.load(Ordering::Relaxed);
        if last_ms != 0 && now_ms.saturating_sub(last_ms) < PAUSE.as_millis() as u64 {
            return;
        }
        self.last_ms.store(now_ms.max(1), Ordering::Relaxed);
        let Some(mut kept) = self.kept.try_lock() else { return };
        let at = SystemTime::now();
        let exemplar = Exemplar { timeline: Arc::clone(timeline), duration, at };
        kept.insert(bound_of(duration), exemplar);
    }

    /// What was kept, by the bound that the durations are below.
    pub fn read(&self) -> BTreeMap<Duration, Exemplar> {
        self.kept.lock().clone()
    }
}
