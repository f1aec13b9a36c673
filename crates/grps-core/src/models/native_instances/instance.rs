//! A native instance in a thread of its own, which starts again when its copy of the model fails.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::error::{Cause, Error};
use crate::models::native_instances::back_off::BackOff;
use crate::models::native_instances::inferer::NativeInferer;
use crate::models::native_instances::run::text;
use crate::models::native_instances::step_model::LoadStepModel;
use crate::models::native_instances::work::{RequestWork, StepWork, StopWork, Work};
use crate::request::content::InputForm;
use crate::scheduling::queue::Queue;
use crate::scheduling::steps::step_queue::StepQueue;

/// How often an instance that waits to start again looks whether it is still needed.
const LOOK: Duration = Duration::from_millis(50);

/// Loads one copy of a model, in the thread that will run it; fails with the cause as one line.
pub type LoadInferer = Arc<dyn Fn() -> Result<Box<dyn NativeInferer>, String> + Send + Sync>;

/// One loaded copy of a model in native code, and the thread that runs it.
#[derive(Debug)]
pub struct NativeInstance {
    /// What stops it, shared with the thread.
    control: Arc<Control>,
    /// The thread; taken by [`NativeInstance::join`].
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What an instance's owner and its thread share.
#[derive(Debug, Default)]
struct Control {
    state: Mutex<State>,
    /// Wakes the thread while it waits to start again, and who waits for its end.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Set once, by the owner.
    stopping: bool,
    /// Ends the wait for requests; `None` while the instance is detached.
    stopper: Option<StopWork>,
    /// Why the copy failed, while no other one runs.
    failure: Option<String>,
    /// How often another copy was loaded after one had failed.
    restarts: u64,
    /// Set once, by the thread.
    ended: bool,
}

/// What the thread of an instance has.
struct Worker<W> {
    /// The instance in the log and in the model's health, for example `vad-1.0.0#0`.
    name: String,
    /// Where its work comes from, and what loads a copy of the model for it.
    work: W,
    /// What stops the instance.
    control: Arc<Control>,
}

impl NativeInstance {
    /// Starts the thread, loads the copy in it and attaches it to the queue; returns once it is
    /// attached.
    ///
    /// # Errors
    /// `ModelFailed` with the cause when the copy can't be loaded.
    pub fn start(
        name: impl Into<String>,
        queue: &Arc<Queue>,
        form: InputForm,
        load: LoadInferer,
    ) -> Result<Self, Error> {
        let queue = Arc::clone(queue);
        Self::start_thread(name.into(), RequestWork { queue, form, load })
    }

    /// The same for a step model.
    ///
    /// # Errors
    /// As for [`NativeInstance::start`].
    pub fn start_steps(
        name: impl Into<String>,
        queue: &Arc<StepQueue>,
        load: LoadStepModel,
    ) -> Result<Self, Error> {
        let queue = Arc::clone(queue);
        Self::start_thread(name.into(), StepWork { queue, load })
    }

    fn start_thread(name: String, work: impl Work) -> Result<Self, Error> {
        let control = Arc::<Control>::default();
        let worker = Worker { name, work, control: Arc::clone(&control) };
        let (loaded, outcome) = mpsc::channel();
        let failed = |cause: String| Error::new(Cause::ModelFailed, cause);
        let thread = std::thread::Builder::new()
            .name(worker.name.clone())
            .spawn(move || worker.run(&loaded))
            .map_err(|error| failed(error.to_string()))?;
        match outcome.recv() {
            Ok(Ok(())) => Ok(Self { control, thread: Mutex::new(Some(thread)) }),
            Ok(Err(cause)) => Err(failed(cause)),
            Err(_) => Err(failed("the thread ended while it loaded the model".to_owned())),
        }
    }

    /// Ends the instance after its running batch; what waits is left to other instances. Returns
    /// false when it still runs after `timeout`: it ends by itself then.
    pub fn stop(&self, timeout: Duration) -> bool {
        let end = Instant::now() + timeout;
        let mut state = self.control.state.lock();
        state.stopping = true;
        let stopper = state.stopper.clone();
        self.control.changed.notify_all();
        // The queue's lock is taken while a thread that attaches holds this one.
        parking_lot::MutexGuard::unlocked(&mut state, || {
            if let Some(stopper) = stopper {
                stopper.stop();
            }
        });
        while !state.ended {
            if self.control.changed.wait_until(&mut state, end).timed_out() {
                return state.ended;
            }
        }
        true
    }

    /// Why the copy failed, while no other one runs.
    pub fn failure(&self) -> Option<String> {
        self.control.state.lock().failure.clone()
    }

    /// How often another copy was loaded after one had failed.
    pub fn restarts(&self) -> u64 {
        self.control.state.lock().restarts
    }

    /// Waits until the queue is closed and every request in it has its reply, or until the instance
    /// was stopped. There is no limit: a run that never ends keeps its thread.
    pub fn join(&self) {
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            // A panic of the inferer is caught; what is left to panic was reported by the thread.
            let _ = thread.join();
        }
    }
}

/// Notes the end of the thread, however it ends.
struct NoteEnd(Arc<Control>);

impl Drop for NoteEnd {
    fn drop(&mut self) {
        self.0.state.lock().ended = true;
        self.0.changed.notify_all();
    }
}

impl<W: Work> Worker<W> {
    fn run(&self, loaded: &mpsc::Sender<Result<(), String>>) {
        let _end = NoteEnd(Arc::clone(&self.control));
        let mut copy = match self.load() {
            Ok(copy) => copy,
            Err(cause) => {
                // The owner waits for it.
                let _ = loaded.send(Err(cause));
                return;
            }
        };
        let mut back_off = BackOff::new(Instant::now());
        while let Some(mut source) = self.attach() {
            // Nothing waits for it after the first time.
            let _ = loaded.send(Ok(()));
            let Err(reason) = W::run(&mut source, &mut copy, &self.name) else { break };
            W::fail(source, reason.clone());
            self.control.state.lock().failure = Some(reason.clone());
            discard(copy, &self.name);
            let delay = back_off.delay(Instant::now());
            let (name, delay_ms) = (&self.name, delay.as_millis());
            tracing::error!(
                instance = name,
                reason,
                delay_ms,
                "an instance failed; it starts again"
            );
            let Some(again) = self.load_again(&mut back_off, delay) else { return };
            copy = again;
            self.note_restart();
            back_off.begin(Instant::now());
            tracing::info!(instance = name, "an instance runs again");
        }
        discard(copy, &self.name);
    }

    /// Attaches to the queue; `None` when the instance stops.
    fn attach(&self) -> Option<W::Source> {
        let mut state = self.control.state.lock();
        if state.stopping {
            return None;
        }
        let (source, stopper) = self.work.attach(&self.name);
        state.stopper = Some(stopper);
        Some(source)
    }

    fn note_restart(&self) {
        let mut state = self.control.state.lock();
        state.failure = None;
        state.restarts += 1;
    }

    fn load(&self) -> Result<W::Copy, String> {
        catch_unwind(AssertUnwindSafe(|| self.work.load()))
            .unwrap_or_else(|panic| Err(format!("it panicked: {}", text(&*panic))))
    }

    /// Loads a copy as often as it takes; `None` when no request needs it any more.
    fn load_again(&self, back_off: &mut BackOff, mut delay: Duration) -> Option<W::Copy> {
        while self.is_needed_after(delay) {
            match self.load() {
                Ok(copy) => return Some(copy),
                Err(cause) => {
                    delay = back_off.delay(Instant::now());
                    let (name, delay_ms) = (&self.name, delay.as_millis());
                    tracing::error!(
                        instance = name,
                        cause,
                        delay_ms,
                        "an instance can't start again"
                    );
                    // What still waits in a closed queue must not wait for a copy for ever.
                    if self.work.is_closed() {
                        return None;
                    }
                }
            }
        }
        None
    }

    /// Waits; false when the instance stops, or when its queue is closed and nothing waits in it.
    fn is_needed_after(&self, delay: Duration) -> bool {
        let end = Instant::now() + delay;
        let mut state = self.control.state.lock();
        loop {
            if state.stopping || (self.work.is_closed() && self.work.is_empty()) {
                return false;
            }
            let now = Instant::now();
            if now >= end {
                return true;
            }
            self.control.changed.wait_until(&mut state, end.min(now + LOOK));
        }
    }
}

/// Drops a copy of a model; one that failed may fail at that, too.
fn discard<C>(copy: C, name: &str) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(copy))) {
        let reason = text(&*panic);
        tracing::error!(instance = name, reason, "a copy of a model panicked when it was dropped");
    }
}

#[cfg(test)]
#[path = "instance_tests.rs"]
mod tests;
