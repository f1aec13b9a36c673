//! One endpoint of a service: its connections, its state and the calls that it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use grps_server::EndpointState;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use crate::service::counters::Reason;
use crate::service::latency::Latency;
use crate::transport::connection::Connection;
use crate::transport::headers::EndpointHead;

/// Time in which a new endpoint gets more and more of its share.
const SLOW_START: Duration = Duration::from_secs(10);
/// The share that it begins with.
const LEAST_SHARE: f64 = 0.1;
/// Calls that fail one after the other before an endpoint is ejected.
const MOST_FAILURES: u32 = 5;
/// How long an endpoint that has refused a call gets none that another one takes.
const FULL: Duration = Duration::from_millis(50);

/// Why an endpoint gets no calls, as operators read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ejection {
    pub(crate) reason: Reason,
    pub(crate) text: String,
}

impl Ejection {
    pub(crate) fn new(reason: Reason, text: impl Into<String>) -> Self {
        Self { reason, text: text.into() }
    }
}

/// What an endpoint does.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Status {
    /// It is connected to for the first time.
    Connecting,
    /// It takes calls.
    Up,
    /// It takes none.
    Ejected(Ejection),
}

/// An endpoint.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) address: String,
    /// The same in all its requests; replaced when it is connected to.
    head: RwLock<Arc<EndpointHead>>,
    /// The first one is for small bodies.
    connections: RwLock<Vec<Arc<Connection>>>,
    status: Mutex<Status>,
    /// Since when it takes calls; `None` while it takes none.
    up_since: RwLock<Option<Instant>>,
    /// The models that it has, as bits of their places in the service.
    models: AtomicU64,
    /// The version of GRPS that it runs.
    version: Mutex<Option<String>>,
    in_flight: AtomicUsize,
    requests: AtomicU64,
    /// Calls that have failed since one has succeeded.
    failures: AtomicU32,
    latency: Latency,
    /// When it has last refused a call, as it had too many.
    full_at: Mutex<Option<Instant>>,
    /// Whether it is in no table any more.
    is_leaving: AtomicBool,
    /// Why calls want it to be ejected.
    wanted: Mutex<Option<Ejection>>,
    /// Wakes what keeps it up.
    pub(crate) changed: Arc<Notify>,
}

impl Endpoint {
    /// An endpoint that is not connected to yet.
    pub(crate) fn new(address: String) -> Self {
        let head = RwLock::new(Arc::new(EndpointHead::new(&address, false, None)));
        Self {
            address,
            head,
            connections: RwLock::default(),
            status: Mutex::new(Status::Connecting),
            up_since: RwLock::default(),
            models: AtomicU64::default(),
            version: Mutex::default(),
            in_flight: AtomicUsize::default(),
            requests: AtomicU64::default(),
            failures: AtomicU32::default(),
            latency: Latency::default(),
            full_at: Mutex::default(),
            is_leaving: AtomicBool::default(),
            wanted: Mutex::default(),
            changed: Arc::default(),
        }
    }

    /// Whether it takes calls of the model with this bit.
    pub(crate) fn takes(&self, model: u64) -> bool {
        self.models.load(Ordering::Acquire) & model != 0
            && self.up_since.read().is_some()
            && !self.is_leaving()
            && self.connections.read().iter().any(|connection| connection.is_open())
    }

    /// Whether it takes calls of any model.
    pub(crate) fn is_up(&self) -> bool {
        self.takes(u64::MAX)
    }

    /// What a further call would wait for, in seconds of one that takes `seconds`.
    pub(crate) fn cost(&self, seconds: f64, now: Instant) -> f64 {
        let age = self.up_since.read().map_or(Duration::ZERO, |up| now.duration_since(up));
        let share = (age.as_secs_f64() / SLOW_START.as_secs_f64()).clamp(LEAST_SHARE, 1.0);
        (self.in_flight.load(Ordering::Relaxed) + 1) as f64 * seconds / share
    }

    /// Notes how long a call took.
    pub(crate) fn note_latency(&self, duration: Duration, now: Instant) {
        self.latency.add(duration, now);
    }

    /// Notes that it has refused a call, as it had too many.
    pub(crate) fn note_full(&self, now: Instant) {
        *self.full_at.lock() = Some(now);
    }

    /// Whether it has refused a call a moment ago. Refusals are quick, so that it looks idle.
    pub(crate) fn is_full(&self, now: Instant) -> bool {
        self.full_at.lock().is_some_and(|at| now.saturating_duration_since(at) < FULL)
    }

    /// The recent duration of its calls in seconds; `None` before the first.
    pub(crate) fn latency(&self, now: Instant) -> Option<f64> {
        self.latency.seconds(now)
    }

    /// A connection that takes requests: the one for small bodies, or the least busy of the others.
    pub(crate) fn connection(&self, is_large: bool) -> Option<Arc<Connection>> {
        let connections = self.connections.read();
        let open = || connections.iter().enumerate().filter(|(_, one)| one.is_open());
        let busy = |one: &Arc<Connection>| one.in_flight.load(Ordering::Relaxed);
        let (_, chosen) =
            open().min_by_key(|(index, one)| ((*index == 0) == is_large, busy(one)))?;
        Some(Arc::clone(chosen))
    }

    /// Whether it is on this host.
    pub(crate) fn is_local(&self) -> bool {
        self.connections.read().first().is_some_and(|connection| connection.is_local)
    }

    /// What is the same in all its requests.
    pub(crate) fn head(&self) -> Arc<EndpointHead> {
        Arc::clone(&self.head.read())
    }

    /// Replaces that.
    pub(crate) fn set_head(&self, head: EndpointHead) {
        *self.head.write() = Arc::new(head);
    }

    /// Replaces its connections.
    pub(crate) fn set_connections(&self, connections: Vec<Arc<Connection>>) {
        *self.connections.write() = connections;
    }

    /// Its connections.
    pub(crate) fn connections(&self) -> Vec<Arc<Connection>> {
        self.connections.read().clone()
    }

    /// Takes calls from here on.
    pub(crate) fn set_up(&self, now: Instant) {
        self.failures.store(0, Ordering::Relaxed);
        *self.wanted.lock() = None;
        *self.status.lock() = Status::Up;
        *self.up_since.write() = Some(now);
    }

    /// Takes no calls from here on.
    pub(crate) fn set_ejected(&self, ejection: Ejection) {
        *self.up_since.write() = None;
        *self.status.lock() = Status::Ejected(ejection);
    }

    /// Why it takes no calls; `None` if it does, or is not connected to yet.
    pub(crate) fn ejection(&self) -> Option<Ejection> {
        match &*self.status.lock() {
            Status::Ejected(ejection) => Some(ejection.clone()),
            Status::Connecting | Status::Up => None,
        }
    }

    /// Notes which models it has, and its version.
    pub(crate) fn set_models(&self, models: u64, version: Option<String>) {
        self.models.store(models, Ordering::Release);
        *self.version.lock() = version;
    }

    /// Has to be asked for a model.
    pub(crate) fn forget_model(&self, bit: u64) {
        self.models.fetch_and(!bit, Ordering::AcqRel);
    }

    /// Is in no table any more.
    pub(crate) fn leave(&self) {
        self.is_leaving.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    /// Whether it is in no table any more.
    pub(crate) fn is_leaving(&self) -> bool {
        self.is_leaving.load(Ordering::Acquire)
    }

    /// Wants it to be ejected: a call has found out that it takes none.
    pub(crate) fn want_ejected(&self, ejection: Ejection) {
        // Further calls go elsewhere at once.
        *self.up_since.write() = None;
        self.wanted.lock().get_or_insert(ejection);
        self.changed.notify_one();
    }

    /// Why calls want it to be ejected.
    pub(crate) fn take_wanted(&self) -> Option<Ejection> {
        self.wanted.lock().take()
    }

    /// Calls that it runs.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Begins a call.
    pub(crate) fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        InFlight { endpoint: Arc::clone(self), began: Instant::now() }
    }

    /// Its state, as operators see it.
    pub(crate) fn state(&self) -> EndpointState {
        let (state, reason) = match &*self.status.lock() {
            _ if self.is_leaving() => ("leaving", None),
            Status::Connecting => ("connecting", None),
            Status::Up => ("up", None),
            Status::Ejected(one) => {
                let state = if one.reason.is_refusal() { "refused" } else { "ejected" };
                (state, Some(format!("{}: {}", one.reason.name(), one.text)))
            }
        };
        let connections = self.connections.read();
        EndpointState {
            address: self.address.clone(),
            state,
            reason,
            version: self.version.lock().clone(),
            in_flight: self.in_flight(),
            connections: connections.iter().filter(|one| one.ended().is_none()).count(),
            requests: self.requests.load(Ordering::Relaxed),
            latency_ms: self.latency(Instant::now()).map_or(0.0, |s| (s * 1e6).round() / 1e3),
        }
    }
}

/// A call that an endpoint runs.
#[derive(Debug)]
pub(crate) struct InFlight {
    endpoint: Arc<Endpoint>,
    began: Instant,
}

impl InFlight {
    /// Notes that it succeeded; `is_whole` if its duration is that of one response.
    pub(crate) fn succeeded(self, is_whole: bool) {
        self.endpoint.failures.store(0, Ordering::Relaxed);
        if is_whole {
            let now = Instant::now();
            self.endpoint.note_latency(now.duration_since(self.began), now);
        }
    }

    /// Notes that it was answered by an error. That is often quick, which makes no endpoint a fast one.
    pub(crate) fn refused(self) {
        let now = Instant::now();
        let mean = self.endpoint.latency(now).map_or(Duration::ZERO, Duration::from_secs_f64);
        self.endpoint.note_latency(now.duration_since(self.began).max(mean), now);
    }

    /// Notes that the connection was lost under it.
    pub(crate) fn lost(self, text: &str) {
        let failures = self.endpoint.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if failures >= MOST_FAILURES {
            let text = format!("{failures} calls failed one after the other: {text}");
            self.endpoint.want_ejected(Ejection::new(Reason::Failures, text));
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.endpoint.in_flight.fetch_sub(1, Ordering::Relaxed);
        if self.endpoint.is_leaving() {
            self.endpoint.changed.notify_one();
        }
    }
}
