//! The Python class of a replay: recorded requests that the load generator sends again.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use grps_perf::{Arrivals, Load, Plan, Request, ResponseFailure, Responses, Run};
use grps_server::replay::{Comparer, Replay, ReplayOptions, ReplyFailure};
use parking_lot::Mutex;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use serde::Serialize;

/// Replies that wait to be compared.
const MAX_WAITING: usize = 256;
const PREDICT: &str = "/grps.protos.v1.GrpsService/Predict";
/// Asks for tensors of every element type.
const RAW_TENSORS: (&str, &str) = ("grps-raw-tensors", "1");

/// Requests of a capture that are sent again.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct ReplayRun {
    replay: Replay,
    /// Never held while the GIL is given away or waited for.
    stage: Mutex<Stage>,
}

/// How far a replay is.
enum Stage {
    /// It has not begun, or it has ended.
    Idle,
    /// A thread begins it.
    Beginning,
    /// It has begun.
    Begun(Begun),
}

/// A replay that has begun.
struct Begun {
    run: Arc<Run>,
    /// Compares the replies.
    thread: Option<JoinHandle<()>>,
}

/// A reply, and the number of its request.
type Reply = (u64, Result<Bytes, ResponseFailure>);

/// Passes replies to the thread that compares them, so that sending does not wait for it.
struct ToComparer(SyncSender<Reply>);

impl Responses for ToComparer {
    fn take(&self, number: u64, response: Result<Bytes, ResponseFailure>) {
        // The thread ends after the last sender.
        let _ = self.0.send((number, response));
    }
}

#[pymethods]
impl ReplayRun {
    /// Reads a capture; the options are those of a replay in JSON.
    #[new]
    fn new(py: Python<'_>, capture: PathBuf, options: &str) -> PyResult<Self> {
        let options: ReplayOptions = serde_json::from_str(options).map_err(invalid)?;
        let read = || {
            let file =
                std::fs::read(&capture).map_err(|error| PyOSError::new_err(error.to_string()))?;
            Replay::read(file.into(), &options).map_err(invalid)
        };
        Ok(Self { replay: py.detach(read)?, stage: Mutex::new(Stage::Idle) })
    }

    /// What the capture is, as JSON.
    fn about(&self) -> PyResult<String> {
        json(&self.replay.about)
    }

    /// Begins to send, by a plan in JSON whose requests are those of the capture. With a speed, they
    /// are sent at the recorded times divided by it; without, as the load of the plan says.
    #[pyo3(signature = (plan, speed, headers))]
    fn start(
        &self,
        py: Python<'_>,
        plan: &str,
        speed: Option<f64>,
        headers: Vec<(String, String)>,
    ) -> PyResult<()> {
        let mut plan: Plan = serde_json::from_str(plan).map_err(invalid)?;
        let (requests, bodies) = self.requests(&headers);
        plan.requests = requests;
        if let Some(speed) = speed {
            let times = self.replay.requests.iter().map(|request| request.at_s / speed);
            plan.load = Load::Open(Arrivals::Trace { seconds: times.collect() });
        }
        {
            let mut stage = self.stage.lock();
            if !matches!(*stage, Stage::Idle) {
                return Err(PyRuntimeError::new_err("the replay has begun"));
            }
            *stage = Stage::Beginning;
        }
        let begun = py.detach(|| self.begin(plan, &bodies));
        let (stage, outcome) = match begun {
            Ok(begun) => (Stage::Begun(begun), Ok(())),
            Err(error) => (Stage::Idle, Err(error)),
        };
        *self.stage.lock() = stage;
        outcome
    }

    /// Waits until all replies have come, or for a time; returns whether they have.
    fn wait(&self, py: Python<'_>, timeout_s: f64) -> PyResult<bool> {
        let timeout = Duration::try_from_secs_f64(timeout_s).map_err(invalid)?;
        let run = self.run()?;
        Ok(py.detach(|| run.wait(timeout)))
    }

    /// Sends no more requests and gives up those that are open.
    fn stop(&self) -> PyResult<()> {
        self.run()?.stop();
        Ok(())
    }

    /// How far it is, as JSON.
    fn progress(&self, py: Python<'_>) -> PyResult<String> {
        let run = self.run()?;
        py.detach(|| run.progress().map_err(invalid).and_then(|progress| json(&progress)))
    }

    /// What was found so far, as JSON.
    fn found(&self) -> PyResult<String> {
        json(&self.replay.comparer.result())
    }

    /// Ends it: what was measured, and what was found of all replies, both as JSON.
    fn end(&self, py: Python<'_>) -> PyResult<(String, String)> {
        let Some(Begun { run, thread }) = self.take() else { return Err(not_begun()) };
        py.detach(|| {
            let report = run.report().map_err(|error| PyOSError::new_err(error.to_string()))?;
            let report = json(&report)?;
            // The last sender of replies goes with it.
            drop(run);
            if let Some(thread) = thread {
                // A panic of the thread has been printed.
                let _ = thread.join();
            }
            Ok((report, json(&self.replay.comparer.result())?))
        })
    }
}

impl ReplayRun {
    /// Starts the threads that send and compare.
    fn begin(&self, plan: Plan, bodies: &[Bytes]) -> PyResult<Begun> {
        let (sender, replies) = sync_channel::<Reply>(MAX_WAITING);
        let comparer = Arc::clone(&self.replay.comparer);
        let thread = Builder::new().name("compare".to_owned()).spawn(move || {
            for (number, reply) in replies {
                compare(&comparer, number, reply);
            }
        })?;
        let run = Run::start_with(plan, bodies, Arc::new(ToComparer(sender))).map_err(invalid)?;
        Ok(Begun { run: Arc::new(run), thread: Some(thread) })
    }

    fn run(&self) -> PyResult<Arc<Run>> {
        match &*self.stage.lock() {
            Stage::Begun(begun) => Ok(Arc::clone(&begun.run)),
            Stage::Idle | Stage::Beginning => Err(not_begun()),
        }
    }

    /// The replay, if it has begun; another one may begin.
    fn take(&self) -> Option<Begun> {
        let mut stage = self.stage.lock();
        match std::mem::replace(&mut *stage, Stage::Idle) {
            Stage::Begun(begun) => Some(begun),
            other => {
                *stage = other;
                None
            }
        }
    }

    /// The requests as the load generator sends them, with these headers besides the recorded ones.
    fn requests(&self, headers: &[(String, String)]) -> (Vec<Request>, Vec<Bytes>) {
        let (raw, one) = RAW_TENSORS;
        let raw = (raw.to_owned(), one.to_owned());
        let requests = self.replay.requests.iter().enumerate().map(|(body, request)| Request {
            method: "POST".to_owned(),
            path: PREDICT.to_owned(),
            headers: [&request.headers[..], headers, std::slice::from_ref(&raw)].concat(),
            body,
        });
        let bodies = self.replay.requests.iter().map(|request| request.message.clone());
        (requests.collect(), bodies.collect())
    }
}

fn compare(comparer: &Comparer, number: u64, reply: Result<Bytes, ResponseFailure>) {
    let failure = |failure: ResponseFailure| {
        let ResponseFailure { status, text } = failure;
        ReplyFailure { status, text }
    };
    comparer.compare(usize::try_from(number).unwrap_or(usize::MAX), reply.map_err(failure));
}

fn not_begun() -> PyErr {
    PyRuntimeError::new_err("the replay has not begun, or it has ended")
}

fn invalid(error: impl ToString) -> PyErr {
    PyValueError::new_err(error.to_string())
}

fn json(value: &impl Serialize) -> PyResult<String> {
    serde_json::to_string(value).map_err(invalid)
}
