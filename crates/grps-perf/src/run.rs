//! A run: its threads, and the result.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use tokio::sync::watch as signal;

use crate::error::PlanError;
use crate::exchange::prepared::prepare;
use crate::exchange::socket::Place;
use crate::load::{Shared, Worker, drive};
use crate::plan::{Plan, Protocol};
use crate::responses::Responses;
use crate::stats::progress::Progress;
use crate::stats::recorder::Recorder;
use crate::stats::report::{Report, Totals};

/// Time for the threads to begin together.
const HEAD_START: Duration = Duration::from_millis(20);

/// A run that has begun. Dropping it stops it.
pub struct Run {
    shared: Arc<Shared>,
    workers: Vec<Arc<Worker>>,
    threads: Vec<JoinHandle<()>>,
    stop: signal::Sender<bool>,
    left: Arc<Left>,
    /// When all threads had ended.
    ended: Mutex<Option<Instant>>,
}

/// Threads that have not ended.
struct Left {
    count: Mutex<usize>,
    changed: Condvar,
    /// What failed in a thread.
    failure: Mutex<Option<std::io::Error>>,
}

impl Run {
    /// Begins a run.
    ///
    /// # Errors
    ///
    /// The plan is not valid, its host has no address, or the system refuses a thread.
    pub fn start(plan: Plan, bodies: &[Bytes]) -> Result<Self, PlanError> {
        Self::begin(plan, bodies, None)
    }

    /// Begins a run whose responses are taken.
    ///
    /// # Errors
    ///
    /// As [`Run::start`]; and those of bRPC can't be taken.
    pub fn start_with(
        plan: Plan,
        bodies: &[Bytes],
        responses: Arc<dyn Responses>,
    ) -> Result<Self, PlanError> {
        if plan.protocol == Protocol::Brpc {
            return Err(PlanError::invalid("responses of bRPC can't be taken; use gRPC"));
        }
        Self::begin(plan, bodies, Some(responses))
    }

    fn begin(
        plan: Plan,
        bodies: &[Bytes],
        responses: Option<Arc<dyn Responses>>,
    ) -> Result<Self, PlanError> {
        plan.check(bodies)?;
        let shared = Arc::new(share(plan, bodies, responses)?);
        let count = shared.plan.threads;
        let workers = (0..count)
            .map(|thread| Worker::new(Arc::clone(&shared), thread).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        let (stop, _) = signal::channel(false);
        let (count, changed, failure) = (Mutex::new(count), Condvar::new(), Mutex::new(None));
        let left = Arc::new(Left { count, changed, failure });
        let (threads, ended) = (Vec::new(), Mutex::new(None));
        let mut run = Self { shared, workers, threads, stop, left, ended };
        for worker in &run.workers {
            let (worker, left) = (Arc::clone(worker), Arc::clone(&run.left));
            let stopped = run.stop.subscribe();
            let thread = std::thread::Builder::new()
                .name(format!("perf-{}", worker.thread))
                .spawn(move || left.count_down(drive(&worker, stopped)))?;
            run.threads.push(thread);
        }
        Ok(run)
    }

    /// Waits until the run has ended, or a time has passed; returns whether it has ended.
    pub fn wait(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut count = self.left.count.lock();
        while *count > 0 {
            if self.left.changed.wait_until(&mut count, deadline).timed_out() {
                break;
            }
        }
        let has_ended = *count == 0;
        drop(count);
        if has_ended {
            self.ended.lock().get_or_insert_with(Instant::now);
        }
        has_ended
    }

    /// Sends no more requests and gives open ones up; the result has what was measured.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// How far the run is.
    ///
    /// # Errors
    ///
    /// The histograms can't be made.
    pub fn progress(&self) -> Result<Progress, PlanError> {
        let all = self.merged()?;
        Ok(Progress {
            elapsed_s: Instant::now().saturating_duration_since(self.shared.start).as_secs_f64(),
            begun: self.shared.begun.load(Ordering::Relaxed),
            open: self.shared.open.load(Ordering::Relaxed),
            succeeded: all.succeeded,
            failed: all.failed,
            not_sent: all.not_sent,
            chunks: all.chunks,
            p50_ns: all.latency.0.value_at_quantile(0.5),
            p99_ns: all.latency.0.value_at_quantile(0.99),
        })
    }

    /// The result: of the whole run once `wait` has returned true, else so far.
    ///
    /// # Errors
    ///
    /// A thread of the run failed.
    pub fn report(&self) -> Result<Report, PlanError> {
        if let Some(error) = self.left.failure.lock().take() {
            return Err(error.into());
        }
        let ended = self.ended.lock().unwrap_or_else(Instant::now);
        let nanos = self.workers.iter().map(|worker| worker.cpu_ns.load(Ordering::Relaxed));
        let begin = self.shared.begin;
        let sending = self.shared.end.map(|end| end.min(ended).saturating_duration_since(begin));
        let totals = Totals {
            sending_s: sending.map(|sending| sending.as_secs_f64()),
            wall_s: ended.saturating_duration_since(self.shared.start).as_secs_f64(),
            cpu_s: nanos.map(|nanos| Duration::from_nanos(nanos).as_secs_f64()).collect(),
            begun: self.shared.begun.load(Ordering::Relaxed),
            unfinished: self.shared.open.load(Ordering::Relaxed),
            connections: self.shared.connections.load(Ordering::Relaxed),
        };
        Ok(Report::new(&self.merged()?, &totals))
    }

    fn merged(&self) -> Result<Recorder, PlanError> {
        let mut all = Recorder::new(self.shared.begin, self.shared.end)?;
        for worker in &self.workers {
            // Merging takes longer than copying, and the thread waits for the lock.
            let copy = worker.recorder.lock().clone();
            all.merge(&copy);
        }
        Ok(all)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.stop();
        for thread in self.threads.drain(..) {
            // A panic of the thread has been printed.
            let _ = thread.join();
        }
    }
}

impl Left {
    fn count_down(&self, result: std::io::Result<()>) {
        if let Err(error) = result {
            self.failure.lock().get_or_insert(error);
        }
        *self.count.lock() -= 1;
        self.changed.notify_all();
    }
}

fn share(
    plan: Plan,
    bodies: &[Bytes],
    responses: Option<Arc<dyn Responses>>,
) -> Result<Shared, PlanError> {
    let requests = prepare(&plan, bodies)?;
    let place = Place::new(&plan.target, plan.protocol)?;
    let start = Instant::now() + HEAD_START;
    let begin = start + Duration::from_secs_f64(plan.window.warmup_s);
    let end = plan.window.duration_s.map(|duration| begin + Duration::from_secs_f64(duration));
    Ok(Shared {
        plan,
        requests,
        place,
        start,
        begin,
        end,
        next: AtomicU64::new(0),
        begun: AtomicU64::new(0),
        measured: AtomicU64::new(0),
        open: AtomicU64::new(0),
        connections: Arc::new(AtomicU64::new(0)),
        responses,
    })
}
