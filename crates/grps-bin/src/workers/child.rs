//! A worker process as the server sees it: its start, its loading, and the cause of its end.

use std::fs::read_to_string;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use grps_core::metrics::{Kind, Monitor};
use grps_worker::Link;
use parking_lot::{Condvar, Mutex};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::arguments::WORKER;
use crate::stopping::Ending;
use crate::workers::control::{ControlReader, ControlSender, open_control};
use crate::workers::exit::describe_exit;
use crate::workers::last_lines::LastLines;
use crate::workers::messages::{FromWorker, LevelSet, Loaded, WorkerSettings};
use crate::workers::worker_log::write_logged;

/// This program, also after its file was replaced.
const PROGRAM: &str = "/proc/self/exe";
/// What the program is called in lists of processes.
const NAME: &str = "grps-server";
/// How long a worker may take to end after its last request.
const END_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the end of a process may come behind the end of its socket.
const EXIT_TIMEOUT: Duration = Duration::from_secs(1);
/// How often it is looked whether a stopped process goes on.
const STOP_LOOK: Duration = Duration::from_millis(200);

/// One worker process.
pub(crate) struct WorkerProcess {
    /// The instance in logs.
    name: String,
    pid: Pid,
    pub(crate) link: Link,
    control: ControlSender,
    /// Where values of plugins are recorded.
    monitor: Arc<Monitor>,
    child: Mutex<ChildState>,
    /// Wakes who waits for the exit.
    exited: Condvar,
    /// What came of loading; `None` until then.
    outcome: Mutex<Option<Outcome>>,
    /// Wakes who waits for the outcome.
    answered: Condvar,
    last_lines: LastLines,
    /// Set when the worker sends no more lines.
    control_ended: Ending,
    /// Set when its standard error has ended.
    stderr_ended: Ending,
}

struct ChildState {
    child: Child,
    /// How it ended; the process does not exist any more then.
    status: Option<ExitStatus>,
    /// Why it was killed while it waited for requests.
    killed_as: Option<String>,
}

/// What came of loading.
#[derive(Clone)]
enum Outcome {
    Loaded(Loaded),
    /// The cause as one line.
    Failed(String),
    /// The worker has ended before.
    Ended,
}

impl WorkerProcess {
    /// Starts a worker and the threads that listen to it.
    pub(crate) fn start(settings: &WorkerSettings, monitor: Arc<Monitor>) -> io::Result<Arc<Self>> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = Command::new(PROGRAM);
        command.arg0(NAME).arg(WORKER).stdin(OwnedFd::from(theirs)).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        // The command holds the worker's end, whose end is noticed only if it is closed here.
        drop(command);
        let pid = Pid::from_child(&child);
        let stderr = child.stderr.take();
        let link = Link::new()?;
        // A worker that has ended already is noticed by the threads below.
        let handed = link.hand_over(&ours);
        let (control, reader) = open_control(ours)?;
        control.send(settings);
        let worker = Arc::new(Self {
            name: settings.name(),
            pid,
            link,
            control,
            monitor,
            child: Mutex::new(ChildState { child, status: None, killed_as: None }),
            exited: Condvar::new(),
            outcome: Mutex::default(),
            answered: Condvar::new(),
            last_lines: LastLines::default(),
            control_ended: Ending::default(),
            stderr_ended: Ending::default(),
        });
        if let Err(error) = handed {
            tracing::debug!(%error, "a worker has ended at its start");
        }
        worker.listen(reader, stderr)?;
        Ok(worker)
    }

    fn listen(
        self: &Arc<Self>,
        mut reader: ControlReader,
        stderr: Option<std::process::ChildStderr>,
    ) -> io::Result<()> {
        let worker = Arc::clone(self);
        let listen = move || {
            while let Some(message) = reader.next() {
                match message {
                    Ok(message) => worker.take(message),
                    // One bad line must not end all that follow.
                    Err(error) => tracing::warn!("a message of a worker can't be used: {error}"),
                }
            }
            worker.note_outcome(Outcome::Ended);
            worker.control_ended.set();
        };
        std::thread::Builder::new().name("control".to_owned()).spawn(listen)?;
        let worker = Arc::clone(self);
        let copy = move || {
            if let Some(stderr) = stderr {
                worker.last_lines.copy(stderr);
            }
            worker.stderr_ended.set();
        };
        std::thread::Builder::new().name("stderr".to_owned()).spawn(copy).map(drop)
    }

    fn take(&self, message: FromWorker) {
        match message {
            FromWorker::Loaded(loaded) => self.note_outcome(Outcome::Loaded(loaded)),
            FromWorker::Failed(cause) => self.note_outcome(Outcome::Failed(cause)),
            FromWorker::Logged(line) => write_logged(&line, &self.name),
            FromWorker::Recorded(values) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                for (kind, name, value) in values {
                    let Some(kind) = Kind::from_name(&kind) else { continue };
                    if let Err(error) = self.monitor.record(now.as_secs(), kind, &name, value) {
                        tracing::warn!("{}: metric '{name}': {error}", self.name);
                    }
                }
            }
        }
    }

    /// The first outcome stays.
    fn note_outcome(&self, outcome: Outcome) {
        self.outcome.lock().get_or_insert(outcome);
        self.answered.notify_all();
    }

    /// The number of the process.
    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Waits until the copy is loaded, and returns what it says of its model.
    ///
    /// # Errors
    /// It can't be loaded, or the process has ended; the text is the cause.
    pub(crate) fn wait_loaded(&self) -> Result<Loaded, String> {
        let mut outcome = self.outcome.lock();
        while outcome.is_none() {
            self.answered.wait(&mut outcome);
        }
        let known = outcome.clone();
        drop(outcome);
        let cause = match known {
            Some(Outcome::Loaded(loaded)) => return Ok(loaded),
            Some(Outcome::Failed(cause)) => cause,
            Some(Outcome::Ended) | None => {
                let cause = format!("its process {}", self.explain_end("it does not respond"));
                tracing::error!("{}: {cause}{}", self.name, self.last_lines());
                cause
            }
        };
        self.end();
        Err(cause)
    }

    /// Waits for the end of the process, and kills it if a signal, such as SIGSTOP, stops it for
    /// longer than `stop_timeout`.
    pub(crate) fn watch(&self, stop_timeout: Option<Duration>) {
        if let Some(timeout) = stop_timeout {
            while self.waits_for_stop() {
                if self.is_stopped_for(timeout) {
                    let seconds = timeout.as_secs_f64();
                    let reason = format!("a signal has stopped it for {seconds} s");
                    let mut state = self.child.lock();
                    state.killed_as = Some(reason);
                    // It has ended already, if it can't be killed.
                    let _ = state.child.kill();
                }
            }
        }
        // The process stays known until its status is taken below: no other one has its number.
        let exited = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let _ = rustix::io::retry_on_intr(|| waitid(WaitId::Pid(self.pid), exited));
        let mut state = self.child.lock();
        state.status = state.child.wait().ok().or(Some(ExitStatus::default()));
        self.exited.notify_all();
    }

    /// Waits until the process is stopped; false when it has ended.
    fn waits_for_stop(&self) -> bool {
        let any = WaitIdOptions::EXITED | WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT;
        let seen = rustix::io::retry_on_intr(|| waitid(WaitId::Pid(self.pid), any));
        if !seen.is_ok_and(|seen| seen.is_some_and(|status| status.stopped())) {
            return false;
        }
        // Taken, so that the next wait does not see the same stop.
        let taken = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
        waitid(WaitId::Pid(self.pid), taken).is_ok()
    }

    /// Whether a stopped process is still stopped after this time.
    fn is_stopped_for(&self, timeout: Duration) -> bool {
        let end = Instant::now() + timeout;
        while self.is_stopped() {
            if Instant::now() >= end {
                return true;
            }
            std::thread::sleep(STOP_LOOK.min(timeout));
        }
        false
    }

    fn is_stopped(&self) -> bool {
        let status = read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        // The name before it may have any characters.
        let state = status.rsplit_once(") ").and_then(|(_, state)| state.chars().next());
        matches!(state, Some('T' | 't'))
    }

    /// Ends the process: it finishes what it runs, or is killed when that takes too long.
    pub(crate) fn end(&self) {
        self.link.close();
        if self.outcome.lock().is_none() {
            // It loads, and would look at nothing before it has.
            self.kill();
        }
        if self.wait_for_exit(END_TIMEOUT).is_none() {
            self.kill();
        }
        self.control_ended.wait_for(END_TIMEOUT);
        self.stderr_ended.wait_for(END_TIMEOUT);
        self.control.close();
    }

    /// Lets it send lines of this level and above.
    pub(crate) fn set_log_level(&self, level: &str) {
        self.control.send(&LevelSet { level: level.to_owned() });
    }

    /// Ends the process at once.
    pub(crate) fn kill(&self) {
        let mut state = self.child.lock();
        if state.status.is_none() {
            // It has ended already, if it can't be killed.
            let _ = state.child.kill();
        }
    }

    /// Whether the process has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.child.lock().status.is_some()
    }

    fn wait_for_exit(&self, timeout: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + timeout;
        let mut state = self.child.lock();
        while state.status.is_none() {
            if self.exited.wait_until(&mut state, end).timed_out() {
                break;
            }
        }
        state.status
    }

    /// How a process ended that should not have, or what was `seen` of it, in case that it lives on:
    /// it is killed then.
    pub(crate) fn explain_end(&self, seen: &str) -> String {
        let Some(status) = self.wait_for_exit(EXIT_TIMEOUT) else {
            self.kill();
            return format!("was killed: {seen}");
        };
        match &self.child.lock().killed_as {
            Some(reason) => format!("was killed: {reason}"),
            None => describe_exit(status),
        }
    }

    /// The last lines of an ended process for the log; empty if it has written none.
    pub(crate) fn last_lines(&self) -> String {
        self.control_ended.wait_for(END_TIMEOUT);
        self.stderr_ended.wait_for(END_TIMEOUT);
        self.last_lines.describe()
    }
}
