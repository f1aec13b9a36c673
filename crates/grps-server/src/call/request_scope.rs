//! One request from its head to the end of its answer, and what is counted of it then.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use grps_core::metrics::{Noted, Protocol, RequestStage, RouteStats};
use grps_core::{Cause, Error, Route, Timeline};

use crate::app::App;
use crate::call::in_flight::InFlightGuard;

/// One request in scope; dropping it ends the request.
pub(crate) struct RequestScope {
    app: Arc<App>,
    guard: InFlightGuard,
    timeline: Arc<Timeline>,
    protocol: Protocol,
    /// How an inference went: [`NO_INFERENCE`], [`RUNNING`], [`ANSWERED`], or [`FAILED`] and the
    /// place of its cause.
    outcome: AtomicU8,
    /// Where an inference is counted, once that is known.
    stats: OnceLock<Arc<RouteStats>>,
    sent_bytes: AtomicU64,
    chunks: AtomicU64,
}

const NO_INFERENCE: u8 = 0;
const RUNNING: u8 = 1;
const ANSWERED: u8 = 2;
const FAILED: u8 = 3;

impl RequestScope {
    /// Counts a request in.
    pub(crate) fn new(app: &Arc<App>, timeline: Arc<Timeline>, protocol: Protocol) -> Self {
        Self {
            app: Arc::clone(app),
            guard: app.in_flight.enter(),
            timeline,
            protocol,
            outcome: AtomicU8::new(NO_INFERENCE),
            stats: OnceLock::new(),
            sent_bytes: AtomicU64::new(0),
            chunks: AtomicU64::new(0),
        }
    }

    /// Counts bytes of the body.
    ///
    /// # Errors
    /// `QueueFull` when all requests together would hold too many.
    pub(crate) fn grow(&self, bytes: usize) -> Result<(), Error> {
        self.guard.account.grow(bytes)
    }

    /// Marks the request as an inference: its end is counted.
    pub(crate) fn begin(&self) {
        self.outcome.fetch_max(RUNNING, Ordering::Relaxed);
    }

    /// Records which route the inference takes.
    pub(crate) fn set_route(&self, route: &Route) {
        if self.stats.set(Arc::clone(route.stats())).is_ok() {
            route.stats().of(self.protocol).outcomes.begin();
        }
    }

    /// Notes how an inference went; a failure stays one.
    pub(crate) fn judge(&self, failure: Option<Cause>) {
        let outcome = failure.map_or(ANSWERED, |cause| FAILED + cause as u8);
        self.outcome.fetch_max(outcome, Ordering::Relaxed);
    }

    /// Counts bytes of the answer.
    pub(crate) fn send(&self, bytes: usize) {
        self.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts a chunk of the answer.
    pub(crate) fn send_chunk(&self, bytes: usize) {
        self.send(bytes);
        if self.chunks.fetch_add(1, Ordering::Relaxed) == 0
            && let Some(stats) = self.stats.get()
        {
            stats.of(self.protocol).first_chunk.add(self.timeline.began().elapsed());
        }
    }

    fn end(&self, failure: Option<Cause>) {
        let duration = self.timeline.began().elapsed();
        let route = self.stats.get().unwrap_or_else(|| {
            let unrouted = self.app.stats.unrouted();
            unrouted.of(self.protocol).outcomes.begin();
            unrouted
        });
        self.count(route, failure, duration);
        let monitor = &self.app.monitor;
        if failure != Some(Cause::Cancelled) {
            monitor.traffic.add(duration, failure.is_some());
        }
        let noted = || Noted {
            timeline: Arc::clone(&self.timeline),
            model: Arc::clone(&route.name),
            protocol: self.protocol,
            failure,
            duration,
            ended: SystemTime::now(),
        };
        if monitor.remembered.wants(duration, failure.is_some()) {
            monitor.remembered.keep(noted());
        }
        let sampled = self.timeline.trace().is_some_and(|trace| trace.sampled);
        if let Some(traces) = self.app.traces.as_ref().filter(|_| sampled) {
            traces.export(noted());
        }
    }

    fn count(&self, route: &RouteStats, failure: Option<Cause>, duration: Duration) {
        let stats = route.of(self.protocol);
        stats.outcomes.end(failure);
        stats.duration.add(duration);
        stats.exemplars.offer(&self.timeline, duration);
        stats.received_bytes.add(self.guard.account.bytes() as u64);
        stats.sent_bytes.add(self.sent_bytes.load(Ordering::Relaxed));
        stats.chunks.add(self.chunks.load(Ordering::Relaxed));
        self.timeline.with_steps(|steps| {
            for stage in RequestStage::ALL {
                if let Some((_, length)) = steps.stage(stage) {
                    stats.add_stage(stage, length);
                }
            }
        });
    }
}

impl Drop for RequestScope {
    fn drop(&mut self) {
        match *self.outcome.get_mut() {
            NO_INFERENCE => {}
            // Nobody waited for its end.
            RUNNING => self.end(Some(Cause::Cancelled)),
            ANSWERED => self.end(None),
            failed => self.end(Cause::ALL.get(usize::from(failed - FAILED)).copied()),
        }
    }
}
