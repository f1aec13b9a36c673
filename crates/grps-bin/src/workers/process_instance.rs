//! Instances that run in processes of their own: a crash costs its requests, not the service.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use grps_core::BackOff;
use parking_lot::{Condvar, Mutex};

use crate::instances::{Instance, InstanceState, Life};
use crate::workers::child::WorkerProcess;
use crate::workers::messages::Loaded;
use crate::workers::served_queue::{EndStopper, LostWork, QueueEnd, ServedQueue};
use crate::workers::starter::{WorkerCopy, WorkerStarter};

/// How often an instance that waits to start again looks whether it is still needed.
const LOOK: Duration = Duration::from_millis(50);

/// An instance whose copy lives in a worker process, which is started again when it ends.
pub(crate) struct ProcessInstance {
    shared: Arc<Shared>,
    /// Serves; taken by [`Instance::join`].
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the instance and its threads share.
struct Shared {
    /// Its name in logs.
    name: String,
    starter: WorkerStarter,
    copy: WorkerCopy,
    /// How long the process may give no sign of life while it has work, or be stopped by a signal,
    /// before it is replaced; `None` for no limit.
    hang_timeout: Option<Duration>,
    state: Mutex<State>,
    /// Wakes the serving thread while it waits to start again, and who waits for its end.
    changed: Condvar,
}

struct State {
    shown: InstanceState,
    worker: Option<Arc<WorkerProcess>>,
    /// Ends the wait for requests; `None` while the instance is detached.
    stopper: Option<EndStopper>,
    /// Set once, by the owner.
    stopping: bool,
    /// Whether no thread serves.
    ended: bool,
}

impl ProcessInstance {
    /// Makes an instance of a model, which is not started.
    pub(crate) fn new(
        starter: WorkerStarter,
        copy: WorkerCopy,
        hang_timeout: Option<Duration>,
    ) -> Self {
        let name = format!("{}#{}", copy.model.key(), copy.index);
        let shown = InstanceState { life: Life::New, reason: None, restarts: 0, pid: None };
        let state = State { shown, worker: None, stopper: None, stopping: false, ended: true };
        let (state, changed) = (Mutex::new(state), Condvar::new());
        let shared = Shared { name, starter, copy, hang_timeout, state, changed };
        Self { shared: Arc::new(shared), thread: Mutex::default() }
    }

    /// Starts the process; several begin to load at once before one is waited for.
    pub(crate) fn begin(&self) -> Result<(), String> {
        self.shared.begin_worker()
    }

    /// Waits until the copy is loaded.
    pub(crate) fn wait_loaded(&self) -> Result<Loaded, String> {
        self.shared.wait_loaded()
    }

    /// Serves from a thread that waits for the process.
    pub(crate) fn start(&self, queue: &ServedQueue) -> Result<(), String> {
        let shared = &self.shared;
        let end = shared.attach(queue, None).ok_or("it was stopped before it served")?;
        shared.state.lock().ended = false;
        let (serving, queue) = (Arc::clone(shared), queue.clone());
        let serve = move || {
            let _end = NoteEnd(Arc::clone(&serving));
            serving.serve(&queue, end);
        };
        let thread = std::thread::Builder::new().name(shared.name.clone()).spawn(serve);
        let thread = thread.inspect_err(|_| shared.state.lock().ended = true);
        *self.thread.lock() = Some(thread.map_err(|error| error.to_string())?);
        Ok(())
    }
}

impl Instance for ProcessInstance {
    fn join(&self) {
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            // What is left to panic was reported by the thread.
            let _ = thread.join();
        }
        self.shared.let_go();
    }

    fn begin_stop(&self) {
        let mut state = self.shared.state.lock();
        state.stopping = true;
        let stopper = state.stopper.clone();
        drop(state);
        self.shared.changed.notify_all();
        if let Some(stopper) = stopper {
            stopper.stop();
        }
    }

    /// A process that runs longer is killed.
    fn stop(&self, timeout: Duration) -> bool {
        self.begin_stop();
        let end = Instant::now() + timeout;
        let mut state = self.shared.state.lock();
        while !state.ended {
            if self.shared.changed.wait_until(&mut state, end).timed_out() {
                break;
            }
        }
        let (in_time, worker) = (state.ended, state.worker.clone());
        drop(state);
        if let Some(worker) = worker.filter(|_| !in_time) {
            worker.kill();
        }
        self.shared.let_go();
        in_time
    }

    fn set_log_level(&self, level: &str) {
        let worker = self.shared.state.lock().worker.clone();
        if let Some(worker) = worker {
            worker.set_log_level(level);
        }
    }

    fn state(&self) -> InstanceState {
        self.shared.state.lock().shown.clone()
    }
}

/// Notes the end of the serving thread, however it ends.
struct NoteEnd(Arc<Shared>);

impl Drop for NoteEnd {
    fn drop(&mut self) {
        self.0.state.lock().ended = true;
        self.0.changed.notify_all();
    }
}

impl Shared {
    fn begin_worker(self: &Arc<Self>) -> Result<(), String> {
        let worker = self.starter.start(&self.copy).map_err(|error| error.to_string())?;
        let (shared, watched) = (Arc::clone(self), Arc::clone(&worker));
        let watch = move || {
            watched.watch(shared.hang_timeout);
            shared.note_exit(&watched);
        };
        let watching = std::thread::Builder::new().name("worker-end".to_owned()).spawn(watch);
        watching.inspect_err(|_| worker.kill()).map_err(|error| error.to_string())?;
        let mut state = self.state.lock();
        if state.stopping {
            drop(state);
            worker.end();
            return Err("it was stopped".to_owned());
        }
        state.shown.pid = Some(worker.pid());
        state.worker = Some(worker);
        Ok(())
    }

    fn wait_loaded(&self) -> Result<Loaded, String> {
        let worker = self.state.lock().worker.clone();
        let worker = worker.ok_or("it was stopped")?;
        let loaded = worker.wait_loaded();
        let mut state = self.state.lock();
        if loaded.is_ok() {
            state.shown.life = Life::Loaded;
        } else {
            state.worker = None;
            state.shown.pid = None;
        }
        loaded
    }

    /// Wakes the serving thread when the process ends while it waits for requests.
    fn note_exit(&self, worker: &Arc<WorkerProcess>) {
        let state = self.state.lock();
        let is_current = state.worker.as_ref().is_some_and(|current| Arc::ptr_eq(current, worker));
        let stopper = state.stopper.clone().filter(|_| is_current);
        drop(state);
        if let Some(stopper) = stopper {
            stopper.abandon();
        }
    }

    /// Attaches to the queue, after a restart if a number of them is given; `None` when the instance
    /// stops.
    fn attach(&self, queue: &ServedQueue, restarts: Option<u64>) -> Option<QueueEnd> {
        let mut state = self.state.lock();
        if state.stopping {
            return None;
        }
        let end = queue.attach(&self.name);
        let stopper = end.stopper();
        state.stopper = Some(stopper.clone());
        state.shown.life = Life::Alive;
        state.shown.restarts = restarts.unwrap_or(state.shown.restarts);
        let has_ended = state.worker.as_ref().is_none_or(|worker| worker.has_ended());
        drop(state);
        if has_ended {
            stopper.abandon();
        }
        Some(end)
    }

    /// Serves until the queue closes; starts the process again whenever it ends.
    fn serve(self: &Arc<Self>, queue: &ServedQueue, first: QueueEnd) {
        let mut back_off = BackOff::new(Instant::now());
        let (mut again, mut next) = (None::<LostWork>, Some(first));
        while let Some(mut end) = next.take() {
            let Some(worker) = self.state.lock().worker.clone() else { return };
            let is_retried = again.is_some();
            let lost = end.serve(&worker.link, again.take(), self.hang_timeout);
            if self.state.lock().stopping || (lost.is_none() && queue.is_closed()) {
                drop(end);
                return self.give_up(lost);
            }
            let seen = lost.as_ref().map_or("it does not respond", LostWork::cause);
            let cause = worker.explain_end(seen);
            worker.end();
            let delay = back_off.delay(Instant::now());
            let (delay_s, said) = (delay.as_secs_f64(), worker.last_lines());
            tracing::error!("{} {cause}; it starts again in {delay_s:.1} s{said}", self.name);
            self.note_dead(&cause);
            end.fail(format!("its process {cause}"));
            again = match lost {
                Some(lost) if lost.begun() || is_retried => {
                    lost.fail(&format!("the process of instance {} {cause}", self.name));
                    None
                }
                other => other,
            };
            (next, again) = self.restart(queue, &mut back_off, delay, again);
        }
    }

    fn note_dead(&self, cause: &str) {
        let mut state = self.state.lock();
        state.stopper = None;
        state.worker = None;
        let restarts = state.shown.restarts;
        let reason = Some(cause.to_owned());
        state.shown = InstanceState { life: Life::Dead, reason, restarts, pid: None };
    }

    /// Starts the process again, as often as it takes; no puller when it is no longer needed.
    fn restart(
        self: &Arc<Self>,
        queue: &ServedQueue,
        back_off: &mut BackOff,
        mut delay: Duration,
        mut again: Option<LostWork>,
    ) -> (Option<QueueEnd>, Option<LostWork>) {
        while self.is_needed_after(delay, queue, again.is_some()) {
            match self.begin_worker().and_then(|()| self.wait_loaded()) {
                Ok(_) => {
                    let restarts = self.state.lock().shown.restarts + 1;
                    let Some(end) = self.attach(queue, Some(restarts)) else { break };
                    back_off.begin(Instant::now());
                    tracing::info!("{} runs again", self.name);
                    return (Some(end), again);
                }
                Err(_) if self.state.lock().stopping => break,
                Err(cause) => {
                    delay = back_off.delay(Instant::now());
                    let (name, delay_s) = (&self.name, delay.as_secs_f64());
                    tracing::error!(
                        "{name} can't start again: {cause}; next try in {delay_s:.1} s"
                    );
                    self.note_dead(&cause);
                    if let Some(lost) = again.take() {
                        lost.fail(&format!(
                            "the process of instance {name} can't start again: {cause}"
                        ));
                    }
                    // What still waits in a closed queue must not wait for a copy for ever.
                    if queue.is_closed() {
                        break;
                    }
                }
            }
        }
        self.give_up(again);
        (None, None)
    }

    /// Waits; false when the instance stops, or when nothing needs it any more.
    fn is_needed_after(&self, delay: Duration, queue: &ServedQueue, has_work: bool) -> bool {
        let end = Instant::now() + delay;
        let mut state = self.state.lock();
        loop {
            if state.stopping || (queue.is_closed() && queue.is_empty() && !has_work) {
                return false;
            }
            let now = Instant::now();
            if now >= end {
                return true;
            }
            self.changed.wait_until(&mut state, end.min(now + LOOK));
        }
    }

    fn give_up(&self, lost: Option<LostWork>) {
        if let Some(lost) = lost {
            lost.fail(&format!("instance {} has been stopped", self.name));
        }
    }

    /// Ends the process.
    fn let_go(&self) {
        let mut state = self.state.lock();
        state.stopping = true;
        state.shown.life = Life::Stopped;
        state.shown.pid = None;
        let worker = state.worker.take();
        drop(state);
        if let Some(worker) = worker {
            worker.end();
        }
    }
}
