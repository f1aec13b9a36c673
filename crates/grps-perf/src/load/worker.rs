//! One thread of a run: its share of the requests, and what it measures.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::watch as signal;

use crate::error::PlanError;
use crate::exchange::connection::Reading;
use crate::exchange::failure::{Class, Failure};
use crate::exchange::prepared::Prepared;
use crate::exchange::socket::Place;
use crate::exchange::watch::Watch;
use crate::load::pool::Pool;
use crate::load::{closed, open};
use crate::plan::{Limits, Load, Plan, Protocol};
use crate::responses::{ResponseFailure, Responses};
use crate::stats::recorder::{Ended, Recorder};

/// What the threads of a run have in common.
pub(crate) struct Shared {
    pub(crate) plan: Plan,
    pub(crate) requests: Vec<Prepared>,
    pub(crate) place: Place,
    /// When the first request is sent.
    pub(crate) start: Instant,
    /// When measuring begins.
    pub(crate) begin: Instant,
    /// When the last request is sent, if a time says that.
    pub(crate) end: Option<Instant>,
    /// The number of the next request of a closed loop.
    pub(crate) next: AtomicU64,
    /// Requests that were sent.
    pub(crate) begun: AtomicU64,
    /// Of them, the measured ones.
    pub(crate) measured: AtomicU64,
    /// Requests that are open.
    pub(crate) open: AtomicU64,
    pub(crate) connections: Arc<AtomicU64>,
    /// What takes the responses, if something does.
    pub(crate) responses: Option<Arc<dyn Responses>>,
}

impl Shared {
    /// Whether no request is sent at an instant any more.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.end.is_some_and(|end| now >= end)
    }
}

/// One thread.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    /// Its number.
    pub(crate) thread: usize,
    pub(crate) recorder: Mutex<Recorder>,
    /// CPU time in nanoseconds, known at the end.
    pub(crate) cpu_ns: AtomicU64,
    pool: Pool,
    reading: Reading,
    timeout: Duration,
}

impl Worker {
    /// Makes the worker of a thread.
    ///
    /// # Errors
    ///
    /// Its histograms can't be made.
    pub(crate) fn new(shared: Arc<Shared>, thread: usize) -> Result<Self, PlanError> {
        let plan = &shared.plan;
        let (most, is_shared) = connections(plan, thread);
        let opened = Arc::clone(&shared.connections);
        Ok(Self {
            thread,
            recorder: Mutex::new(Recorder::new(shared.begin, shared.end)?),
            cpu_ns: AtomicU64::new(0),
            pool: Pool::new(shared.place.clone(), plan.protocol, opened, most, is_shared),
            reading: Reading::of(plan),
            timeout: Duration::from_secs_f64(plan.limits.timeout_s),
            shared,
        })
    }

    /// Sends a request, reads its response and records both. Returns whether it may be that the next
    /// one succeeds: false if there was no connection.
    pub(crate) async fn send(&self, index: u64, intended: Instant, is_warmup: bool) -> bool {
        let shared = &self.shared;
        let sent = Instant::now();
        shared.begun.fetch_add(1, Ordering::Relaxed);
        let count = shared.requests.len() as u64;
        let at = usize::try_from(index % count.max(1)).unwrap_or_default();
        let mut watch = Watch::new(shared.plan.limits.max_response_bytes);
        if shared.responses.is_some() {
            watch = watch.keeping();
        }
        let deadline = tokio::time::Instant::from_std(intended + self.timeout);
        let exchange = self.exchange(&shared.requests[at], &mut watch);
        let result = match tokio::time::timeout_at(deadline, exchange).await {
            Ok(result) => result,
            Err(_) => Err(self.timed_out()),
        };
        let is_connected = !matches!(&result, Err(failure) if failure.class == Class::Connect);
        let ended = Instant::now();
        if let Some(responses) = &shared.responses {
            let kept = watch.take_kept();
            responses.take(index, result.as_ref().map(|()| kept).map_err(ResponseFailure::of));
        }
        let ended = Ended { intended, sent, ended, watch: &watch, result, is_warmup };
        self.recorder.lock().add(ended);
        is_connected
    }

    /// Whether a connection can be used again after a status in a message: the rest of a stream over
    /// HTTP/1.1 was not read.
    fn survives_status(&self) -> bool {
        self.shared.plan.protocol != Protocol::Http
    }

    fn timed_out(&self) -> Failure {
        let text = format!("no response within {:?}", self.timeout);
        Failure::new(Class::Timeout, text)
    }

    async fn exchange(&self, request: &Prepared, watch: &mut Watch) -> Result<(), Failure> {
        let mut lease = self.pool.take().await?;
        let result = lease.connection.exchange(request, self.reading, watch).await;
        let is_whole = match &result {
            Ok(()) => true,
            Err(failure) => match failure.class {
                Class::Http(_) | Class::Grpc(_) | Class::Brpc(_) => true,
                Class::Model(_) => self.survives_status(),
                _ => false,
            },
        };
        if is_whole {
            self.pool.put_back(lease);
        }
        result
    }
}

/// The connections of a thread, and whether requests share them.
fn connections(plan: &Plan, thread: usize) -> (usize, bool) {
    let Limits { max_open, connections, .. } = plan.limits;
    let open = match plan.load {
        Load::Closed { concurrency } => concurrency,
        Load::Open(_) => max_open,
    };
    let all = connections.unwrap_or(open).min(open);
    let is_shared = all < open && plan.protocol == Protocol::Grpc;
    (share(all, plan.threads, thread).max(1), is_shared)
}

/// The share of a thread of `all`.
pub(crate) fn share(all: usize, threads: usize, thread: usize) -> usize {
    all / threads + usize::from(thread < all % threads)
}

/// Runs a worker on the current thread until its requests have ended, or the run is stopped.
///
/// # Errors
///
/// The system refuses a runtime or a timer.
pub(crate) fn drive(worker: &Arc<Worker>, mut stop: signal::Receiver<bool>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let load = async {
            match &worker.shared.plan.load {
                Load::Closed { concurrency } => {
                    closed::run(worker, *concurrency).await;
                    Ok(())
                }
                Load::Open(arrivals) => open::run(worker, arrivals).await,
            }
        };
        tokio::select! {
            result = load => result,
            _ = stop.wait_for(|is_stopped| *is_stopped) => Ok(()),
        }
    });
    // Open requests are dropped with it, and connections are closed.
    drop(runtime);
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(time.tv_nsec).unwrap_or_default();
    worker.cpu_ns.store(seconds * 1_000_000_000 + nanos, Ordering::Relaxed);
    result
}
