//! The lifetime of one request, from its head to the end of its response, and its metrics.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use grps_core::metrics::{Protocol, RequestStage, RequestSummary, RouteStats};
use grps_core::{Cause, Error, Route, Timeline};

use crate::app::App;
use crate::auth::identity::Identity;
use crate::auth::limiter::Permit;
use crate::auth::scopes::Scopes;
use crate::call::in_flight::{HELD_BYTES, InFlight, InFlightGuard};
use crate::capture::captured::Sampled;
use crate::codec::Room;

/// One request in flight; dropping it ends the request and counts it.
pub(crate) struct RequestScope {
    app: Arc<App>,
    guard: InFlightGuard,
    timeline: Arc<Timeline>,
    protocol: Protocol,
    /// Outcome of an inference request: [`NO_INFERENCE`], [`RUNNING`], [`SUCCEEDED`], or [`FAILED`]
    /// plus the index of its cause.
    outcome: AtomicU8,
    /// The message of the first failure, shortened.
    error: OnceLock<Arc<str>>,
    /// Counters of the route, once it is resolved.
    stats: OnceLock<Arc<RouteStats>>,
    /// Bytes of the request body.
    received_bytes: AtomicU64,
    /// Bytes of the response body.
    sent_bytes: AtomicU64,
    /// Chunks of the response body.
    sent_chunks: AtomicU64,
    /// Who calls, on routes that only known callers may use.
    caller: OnceLock<Arc<Identity>>,
    /// Counts the request for the caller.
    permit: OnceLock<Permit>,
    /// Records the request, if it is one of the sample.
    sampled: Option<Box<Sampled>>,
    /// The place of the request among all, by which a version is chosen.
    draw: OnceLock<f64>,
}

const NO_INFERENCE: u8 = 0;
const RUNNING: u8 = 1;
const SUCCEEDED: u8 = 2;
const FAILED: u8 = 3;
/// Maximum length of a message that is kept; longer ones are shortened.
const MAX_ERROR_BYTES: usize = 1024;

impl RequestScope {
    /// Starts a request and counts it as in flight.
    pub(crate) fn new(app: &Arc<App>, timeline: Arc<Timeline>, protocol: Protocol) -> Self {
        Self {
            app: Arc::clone(app),
            guard: app.in_flight.add_request(),
            timeline,
            protocol,
            outcome: AtomicU8::new(NO_INFERENCE),
            error: OnceLock::new(),
            stats: OnceLock::new(),
            received_bytes: AtomicU64::new(0),
            sent_bytes: AtomicU64::new(0),
            sent_chunks: AtomicU64::new(0),
            caller: OnceLock::new(),
            permit: OnceLock::new(),
            sampled: app.capture.sample(),
            draw: OnceLock::new(),
        }
    }

    /// Reserves bytes for the request body.
    ///
    /// # Errors
    /// `QueueFull` when all requests together would exceed the limit.
    pub(crate) fn reserve_bytes(&self, bytes: usize) -> Result<(), Error> {
        self.guard.reservation.grow(bytes)?;
        self.received_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Decodes a body of so many bytes within the memory that the request may take.
    pub(crate) fn within_room<T>(
        &self,
        body_bytes: usize,
        decode: impl FnOnce(&Room<'_>) -> T,
    ) -> T {
        let reserve = |bytes| self.guard.reservation.grow(bytes);
        decode(&Room::of_body(body_bytes, &reserve))
    }

    /// Counts the bytes of a response until they are written.
    pub(crate) fn hold(&self, bytes: Bytes) -> Bytes {
        self.app.in_flight.hold(bytes)
    }

    /// What counts them after the request has ended.
    pub(crate) fn holder(&self) -> Arc<InFlight> {
        Arc::clone(&self.app.in_flight)
    }

    /// Whether the response has so many bytes that they are counted until they are written.
    pub(crate) fn has_large_response(&self) -> bool {
        self.sent_bytes.load(Ordering::Relaxed) >= HELD_BYTES as u64
    }

    /// What records the request, if it is one of the sample.
    pub(crate) fn sampled(&self) -> Option<&Sampled> {
        self.sampled.as_deref()
    }

    /// How it came.
    pub(crate) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Sets who calls.
    pub(crate) fn set_caller(&self, caller: Arc<Identity>) {
        // A request has one caller: a second one would change nothing.
        let _ = self.caller.set(caller);
    }

    /// Lets the request count for the caller until it ends.
    pub(crate) fn set_permit(&self, permit: Permit) {
        let _ = self.permit.set(permit);
    }

    /// Who calls, on routes that only known callers may use.
    pub(crate) fn caller(&self) -> Option<&Arc<Identity>> {
        self.caller.get()
    }

    /// Whether a known caller with this scope makes the request.
    pub(crate) fn has_scope(&self, scope: Scopes) -> bool {
        self.caller.get().is_some_and(|caller| caller.scopes.contain(scope))
    }

    /// Marks the request as an inference request, whose outcome is counted.
    pub(crate) fn mark_inference(&self) {
        self.outcome.fetch_max(RUNNING, Ordering::Relaxed);
    }

    /// Sets the route of the inference request.
    pub(crate) fn set_route(&self, route: &Route) {
        if self.stats.set(Arc::clone(route.stats())).is_ok() {
            route.stats().for_protocol(self.protocol).outcomes.count_start();
        }
    }

    /// The place of the request among all, for [`grps_core::RouteQuery::draw`].
    pub(crate) fn draw(&self) -> f64 {
        *self.draw.get_or_init(|| self.app.engine.registry().next_draw())
    }

    /// Records the outcome of the inference request; a later success does not replace a failure.
    pub(crate) fn record_outcome(&self, failure: Option<Cause>) {
        let outcome = failure.map_or(SUCCEEDED, |cause| FAILED + cause as u8);
        self.outcome.fetch_max(outcome, Ordering::Relaxed);
    }

    /// Records the failure of the inference request with its message.
    pub(crate) fn record_failure(&self, error: &Error) {
        self.record_outcome(Some(error.cause()));
        self.error.get_or_init(|| shortened(error.message()).into());
    }

    /// Counts bytes of the response.
    pub(crate) fn count_sent_bytes(&self, bytes: usize) {
        self.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts a chunk of the response.
    pub(crate) fn count_sent_chunk(&self, bytes: usize) {
        self.count_sent_bytes(bytes);
        if self.sent_chunks.fetch_add(1, Ordering::Relaxed) == 0
            && let Some(stats) = self.stats.get()
        {
            stats.for_protocol(self.protocol).first_chunk.add(self.timeline.began().elapsed());
        }
    }

    fn finish(&self, failure: Option<Cause>) {
        let duration = self.timeline.began().elapsed();
        let route = self.stats.get().unwrap_or_else(|| {
            let unrouted = self.app.stats.unrouted();
            unrouted.for_protocol(self.protocol).outcomes.count_start();
            unrouted
        });
        self.count(route, failure, duration);
        let monitor = &self.app.monitor;
        if failure != Some(Cause::Cancelled) {
            monitor.traffic.add(duration, failure.is_some());
        }
        let summary = || RequestSummary {
            timeline: Arc::clone(&self.timeline),
            model: Arc::clone(&route.name),
            protocol: self.protocol,
            failure,
            error: failure.and_then(|_| self.error.get().cloned()),
            duration,
            ended: SystemTime::now(),
        };
        if monitor.notable.is_notable(duration, failure.is_some()) {
            monitor.notable.keep(summary());
        }
        let sampled = self.timeline.trace().is_some_and(|trace| trace.sampled);
        if let Some(traces) = self.app.traces.as_ref().filter(|_| sampled) {
            traces.export(summary());
        }
    }

    fn count(&self, route: &RouteStats, failure: Option<Cause>, duration: Duration) {
        let stats = route.for_protocol(self.protocol);
        stats.outcomes.count_end(failure);
        stats.duration.add(duration);
        stats.exemplars.offer(&self.timeline, duration);
        stats.received_bytes.add(self.received_bytes.load(Ordering::Relaxed));
        stats.sent_bytes.add(self.sent_bytes.load(Ordering::Relaxed));
        stats.chunks.add(self.sent_chunks.load(Ordering::Relaxed));
        self.timeline.with_record(|record| {
            for stage in RequestStage::ALL {
                if let Some((_, duration)) = record.stage(stage) {
                    stats.add_stage(stage, duration);
                }
            }
        });
    }
}

/// The start of a message, at most [`MAX_ERROR_BYTES`] long.
fn shortened(message: &str) -> &str {
    let mut length = message.len().min(MAX_ERROR_BYTES);
    while !message.is_char_boundary(length) {
        length -= 1;
    }
    message.get(..length).unwrap_or_default()
}

impl Drop for RequestScope {
    fn drop(&mut self) {
        match *self.outcome.get_mut() {
            NO_INFERENCE => {}
            // The client disconnected before the response was complete.
            RUNNING => self.finish(Some(Cause::Cancelled)),
            SUCCEEDED => self.finish(None),
            failed => self.finish(Cause::ALL.get(usize::from(failed - FAILED)).copied()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_shortened_between_characters() {
        assert_eq!(shortened("no such model"), "no such model");
        let long = format!("{}\u{e9}", "x".repeat(MAX_ERROR_BYTES - 1));
        assert_eq!(shortened(&long), "x".repeat(MAX_ERROR_BYTES - 1));
    }
}
