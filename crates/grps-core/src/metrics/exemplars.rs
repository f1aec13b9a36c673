//! Exemplars of a histogram: they link a bucket to a request, its log lines and its trace.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use crate::metrics::histogram::bound_of;
use crate::request::timeline::Timeline;

/// Least time between two exemplars: other requests cost one clock reading.
const MIN_INTERVAL: Duration = Duration::from_millis(100);

/// One request of a histogram bucket.
#[derive(Clone, Debug)]
pub struct Exemplar {
    /// Record of the request.
    pub timeline: Arc<Timeline>,
    /// How long the request took.
    pub duration: Duration,
    /// When the request ended.
    pub ended: SystemTime,
}

/// A recent request for each bound of a histogram.
#[derive(Debug)]
pub struct Exemplars {
    created: Instant,
    /// When the last exemplar was kept, in milliseconds since `created`.
    last_ms: AtomicU64,
    /// Exemplars by the bucket's upper bound.
    kept: Mutex<BTreeMap<Duration, Exemplar>>,
}

impl Default for Exemplars {
    fn default() -> Self {
        Self { created: Instant::now(), last_ms: AtomicU64::new(0), kept: Mutex::default() }
    }
}

impl Exemplars {
    /// Keeps a request that has just ended, unless the last exemplar is too recent.
    pub fn offer(&self, timeline: &Arc<Timeline>, duration: Duration) {
        let now = (timeline.began() + duration).saturating_duration_since(self.created);
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let last_ms = self.last_ms.load(Ordering::Relaxed);
        if last_ms != 0 && now_ms.saturating_sub(last_ms) < MIN_INTERVAL.as_millis() as u64 {
            return;
        }
        self.last_ms.store(now_ms.max(1), Ordering::Relaxed);
        let Some(mut kept) = self.kept.try_lock() else { return };
        let ended = SystemTime::now();
        let exemplar = Exemplar { timeline: Arc::clone(timeline), duration, ended };
        kept.insert(bound_of(duration), exemplar);
    }

    /// The exemplars by the bucket's upper bound.
    pub fn read(&self) -> BTreeMap<Duration, Exemplar> {
        self.kept.lock().clone()
    }
}
