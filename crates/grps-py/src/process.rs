//! The end of this process, also when a thread of user code holds the GIL for ever.

use std::io::{ErrorKind, Read};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use pyo3::prelude::*;

use crate::service::server::Server;

/// How often a worker looks whether its server still runs, and how long it may then take to end.
const PARENT_INTERVAL: Duration = Duration::from_secs(1);
/// How long the log's writer may take to write what is buffered.
const LOG_TIME: Duration = Duration::from_millis(300);
/// Exit status of a process that could not end in order.
const FORCED: i32 = 1;

/// Receives the signals that request the process to stop, and ends the process when it has not ended
/// in time. Python can be late for both: its handlers need the GIL.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct StopSignals {
    /// Where Python's signal handler, which needs no GIL, writes the number of a signal.
    written: UnixStream,
    shared: Arc<Shared>,
}

/// What the thread that receives shares with Python.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// When the first signal came.
    requested: Option<Instant>,
    /// Time from the signal to the end of the process; `None` for no limit.
    limit: Option<Duration>,
    /// What drains once a signal has come.
    server: Option<Py<Server>>,
}

#[pymethods]
impl StopSignals {
    /// Receives these signals, by their numbers, once `fileno` is Python's wakeup descriptor.
    #[new]
    fn new(signals: Vec<u8>) -> PyResult<Self> {
        let (mut received, written) = UnixStream::pair()?;
        written.set_nonblocking(true)?;
        let shared = Arc::new(Shared::default());
        let receiving = Arc::clone(&shared);
        let receive = move || {
            let mut numbers = [0; 64];
            loop {
                match received.read(&mut numbers) {
                    // The kernel may deliver a signal to this very thread.
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Ok(0) | Err(_) => return,
                    Ok(count) => {
                        let mut come = numbers.iter().take(count);
                        if come.any(|number| signals.contains(number)) {
                            return receiving.stop();
                        }
                    }
                }
            }
        };
        thread::Builder::new().name("grps-signals".into()).spawn(receive)?;
        Ok(Self { written, shared })
    }

    /// The descriptor for `signal.set_wakeup_fd`.
    fn fileno(&self) -> i32 {
        self.written.as_raw_fd()
    }

    /// Ends the process `seconds` after the first signal, whatever its threads do.
    fn end_within(&self, seconds: f64) {
        self.shared.state.lock().limit = Some(duration(seconds));
        self.shared.changed.notify_all();
    }

    /// Lets this server drain from the first signal on.
    fn drain(&self, server: Py<Server>) {
        let mut state = self.shared.state.lock();
        if state.requested.is_some() {
            server.get().drain();
        } else {
            state.server = Some(server);
        }
    }

    /// Waits, without the GIL, for the first signal.
    fn wait(&self, py: Python<'_>) {
        py.detach(|| {
            let mut state = self.shared.state.lock();
            while state.requested.is_none() {
                self.shared.changed.wait(&mut state);
            }
        });
    }
}

impl Shared {
    /// Notes the request to stop, starts the drain, and ends the process if it is not ended in time.
    fn stop(&self) {
        let requested = Instant::now();
        let mut state = self.state.lock();
        state.requested = Some(requested);
        if let Some(server) = &state.server {
            server.get().drain();
        }
        self.changed.notify_all();
        loop {
            match state.limit.map(|limit| requested + limit) {
                None => self.changed.wait(&mut state),
                Some(end) if Instant::now() >= end => break,
                Some(end) => drop(self.changed.wait_until(&mut state, end)),
            }
        }
        let waited_s = requested.elapsed().as_secs();
        tracing::error!(
            "the process has not ended {waited_s} s after it was requested to stop: a thread of \
             user code holds the interpreter, or the end of the process waits for it. It is ended now"
        );
        thread::sleep(LOG_TIME);
        grps_plugin::process::end(FORCED);
    }
}

/// Ends the process after `seconds`, whatever its threads do.
#[pyfunction]
pub(crate) fn end_after(seconds: f64, status: i32) -> PyResult<()> {
    let limit = duration(seconds);
    thread::Builder::new().name("grps-end".into()).spawn(move || {
        thread::sleep(limit);
        grps_plugin::process::end(status);
    })?;
    Ok(())
}

/// Ends the process when its parent has ended, whatever its threads do.
#[pyfunction]
pub(crate) fn end_with_parent() -> PyResult<()> {
    let parent = rustix::process::getppid();
    thread::Builder::new().name("grps-parent".into()).spawn(move || {
        while rustix::process::getppid() == parent {
            thread::sleep(PARENT_INTERVAL);
        }
        // Usually Python has ended the process by then.
        thread::sleep(PARENT_INTERVAL);
        grps_plugin::process::end(FORCED);
    })?;
    Ok(())
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
