//! Watches streams whose client takes nothing.
//!
//! The producer of a full stream waits in user code, where it holds a permit and an instance. The
//! permit is given back for as long as it waits. When other requests wait all the same, the stream is
//! ended: one client must not hold up the others.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::time::sleep;

use crate::models::executor::Executor;
use crate::request::stream::Shared;
use crate::request::timeline::Timeline;
use crate::scheduling::admission::{Admission, Permit, Suspended};

/// Interval of the checks of a full stream; its permit is given back at the first of them.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);
/// How long a client may take nothing while other requests wait.
const MAX_STALL_UNDER_LOAD: Duration = Duration::from_secs(1);

/// What is needed to watch one stream.
pub(crate) struct StallWatch {
    runtime: Handle,
    /// The request, for the log.
    timeline: Arc<Timeline>,
    admission: Arc<Admission>,
    /// Executors of the models of the request.
    executors: Vec<Weak<dyn Executor>>,
    place: Mutex<Place>,
}

/// The place of a request among those that run.
#[derive(Debug)]
enum Place {
    None,
    Held(Permit),
    Suspended(Suspended),
}

impl StallWatch {
    /// Must be called in a runtime.
    pub(crate) fn new(
        timeline: Arc<Timeline>,
        admission: Arc<Admission>,
        executors: Vec<Weak<dyn Executor>>,
    ) -> Self {
        let place = Mutex::new(Place::None);
        Self { runtime: Handle::current(), timeline, admission, executors, place }
    }

    /// Takes over the permit of the request.
    pub(crate) fn hold(&self, permit: Permit) {
        *self.place.lock() = Place::Held(permit);
    }

    /// Returns the permit at the end of the request.
    pub(crate) fn release(&self) {
        let place = std::mem::replace(&mut *self.place.lock(), Place::None);
        drop(place);
    }

    fn suspend(&self) {
        let mut place = self.place.lock();
        *place = match std::mem::replace(&mut *place, Place::None) {
            Place::Held(permit) => permit.suspend().map_or_else(Place::Held, Place::Suspended),
            other => other,
        };
    }

    fn resume(&self) {
        let mut place = self.place.lock();
        *place = match std::mem::replace(&mut *place, Place::None) {
            Place::Suspended(suspended) => Place::Held(suspended.resume()),
            other => other,
        };
    }

    /// Whether other requests wait for the permit or the instance of this one.
    fn others_wait(&self) -> bool {
        let holds_permit = matches!(*self.place.lock(), Place::Held(_));
        let waiting = |executor: &Weak<dyn Executor>| {
            executor.upgrade().is_some_and(|executor| executor.queue_length() > 0)
        };
        (holds_permit && self.admission.waiting() > 0) || self.executors.iter().any(waiting)
    }
}

impl fmt::Debug for StallWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StallWatch").field("place", &self.place).finish_non_exhaustive()
    }
}

/// Watches a full stream until its client has taken something.
pub(crate) fn watch(shared: &Arc<Shared>, watch: &StallWatch) {
    let stream = Arc::downgrade(shared);
    watch.runtime.spawn(async move {
        let mut waited = false;
        loop {
            sleep(CHECK_INTERVAL).await;
            let Some(stream) = stream.upgrade() else { return };
            let Some(watch) = stream.stall_watch() else { return };
            let Some(since) = stream.full_since() else { return watch.resume() };
            watch.suspend();
            // The queue of a busy model is rarely empty; requests that only pass through it are
            // not seen twice in a row when there is room.
            let waits = watch.others_wait();
            if waits && waited && since.elapsed() >= MAX_STALL_UNDER_LOAD {
                let id = watch.timeline.id();
                tracing::warn!(id, "ended a stream: its client took nothing and others waited");
                return stream.end_stalled();
            }
            waited = waits;
        }
    });
}

/// When a stream became full; used by [`watch`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FullSince {
    since: Option<Instant>,
    /// Whether a task watches the stream.
    pub(crate) is_watched: bool,
}

impl FullSince {
    /// Notes that a producer waits; returns whether a task must be started.
    pub(crate) fn note_full(&mut self) -> bool {
        self.since.get_or_insert_with(Instant::now);
        !std::mem::replace(&mut self.is_watched, true)
    }

    /// Notes that the client has taken something.
    pub(crate) fn note_taken(&mut self) {
        self.since = None;
    }

    /// When the stream became full. `None` when it is not; the task ends then.
    pub(crate) fn check(&mut self) -> Option<Instant> {
        self.is_watched = self.since.is_some();
        self.since
    }
}
