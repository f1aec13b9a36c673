//! SIGTERM and SIGINT: the request to stop, and the end of the process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::signal::unix::{SignalKind, signal};

/// How long the log's writer may take to write what is buffered.
const LOG_TIME: Duration = Duration::from_millis(300);
/// Exit status of a process that could not end in order.
const FORCED: i32 = 1;

/// Something that happens once.
#[derive(Default)]
pub(crate) struct Ending {
    happened: Mutex<bool>,
    changed: Condvar,
}

impl Ending {
    pub(crate) fn set(&self) {
        *self.happened.lock() = true;
        self.changed.notify_all();
    }

    pub(crate) fn is_set(&self) -> bool {
        *self.happened.lock()
    }

    pub(crate) fn wait(&self) {
        let mut happened = self.happened.lock();
        while !*happened {
            self.changed.wait(&mut happened);
        }
    }

    /// Waits so long at most; whether it has happened.
    pub(crate) fn wait_for(&self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        let mut happened = self.happened.lock();
        while !*happened {
            if self.changed.wait_until(&mut happened, end).timed_out() {
                break;
            }
        }
        *happened
    }
}

/// What a signal does.
#[derive(Default)]
pub(crate) struct StopRequest {
    /// Set by the first signal.
    pub(crate) requested: Ending,
    /// Time from the signal to the end of the process; `None` for no limit.
    limit: Mutex<Option<Duration>>,
    /// Called by the first signal.
    drain: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl StopRequest {
    /// Takes the signals from here on.
    pub(crate) fn listen() -> std::io::Result<Arc<Self>> {
        let request = Arc::new(Self::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let guard = runtime.enter();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        drop(guard);
        let receiving = Arc::clone(&request);
        let receive = move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            });
            receiving.stop();
        };
        std::thread::Builder::new().name("grps-signals".into()).spawn(receive)?;
        Ok(request)
    }

    /// Ends the process so long after the signal, whatever its threads do.
    pub(crate) fn end_within(&self, limit: Duration) {
        *self.limit.lock() = Some(limit);
    }

    /// Calls this from the signal on.
    pub(crate) fn on_stop(&self, drain: impl FnOnce() + Send + 'static) {
        if self.requested.is_set() {
            drain();
        } else {
            *self.drain.lock() = Some(Box::new(drain));
        }
    }

    fn stop(&self) {
        let requested = Instant::now();
        self.requested.set();
        let drain = self.drain.lock().take();
        if let Some(drain) = drain {
            drain();
        }
        let Some(limit) = *self.limit.lock() else { return };
        std::thread::sleep(limit.saturating_sub(requested.elapsed()));
        let waited_s = requested.elapsed().as_secs();
        tracing::error!(
            "the process has not ended {waited_s} s after it was requested to stop; it is ended now"
        );
        std::thread::sleep(LOG_TIME);
        grps_plugin::process::end(FORCED);
    }
}
