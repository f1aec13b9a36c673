//! The worker: one instance of a model in a process of its own.
//!
//! The server starts it with a socket as its standard input, over which it gets the socket of
//! requests, the page for notes and its settings. It ends when the server closes them.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use grps_core::{NativeInferer, NativeStepModel, run_batches, run_steps};
use grps_engines::NativeEngine;
use grps_plugin::{crash, monitor, process};
use grps_server::forwarded_log::ForwardedLevel;
use grps_worker::{WorkerChannel, WorkerEnd, WorkerSteps};

use crate::loading::{Copies, copies_of};
use crate::step_models::step_copies;
use crate::workers::control::{ControlReader, ControlSender, open_control};
use crate::workers::messages::{FromWorker, LevelSet, Loaded, WorkerSettings};
use crate::workers::worker_log::forward_log;

/// How often values of plugins are sent.
const SEND_PAUSE: Duration = Duration::from_millis(100);
/// What the process is called in lists of processes.
const NAME: &std::ffi::CStr = c"grps-worker";

/// Serves one instance until the server ends it; fails with the cause, which the server knows.
pub(crate) fn run_worker() -> Result<(), String> {
    process::ignore_stop_signals();
    let failed = |error: std::io::Error| format!("a worker is started by its server: {error}");
    let stream = take_input().map_err(failed)?;
    let end = WorkerEnd::take_over(&stream).map_err(|error| error.to_string())?;
    let (server, mut reader) = open_control(stream).map_err(failed)?;
    let settings: WorkerSettings = match reader.next() {
        Some(settings) => settings.map_err(|error| error.to_string())?,
        None => return Err("the server has ended".to_owned()),
    };
    let server = Arc::new(server);
    // A name is for people: without it, the process has that of the program.
    let _ = rustix::thread::set_name(NAME);
    crash::watch();
    // A signal to the process comes in this thread. Small stacks are too small for a report.
    let _signals = crash::SignalStack::new();
    monitor::record_in_queue();
    let level = forward_log(&settings.log_level, Arc::clone(&server)).map_err(failed)?;
    follow_levels(reader, level).map_err(failed)?;
    let (recorder, recording) = send_recorded(Arc::clone(&server)).map_err(failed)?;
    let served = serve(&Arc::new(settings), end, &server);
    drop(recorder);
    // A panic of that thread has cost its values only.
    let _ = recording.join();
    served
}

/// Takes the socket that the server has set as the standard input, in whose place nothing is left to
/// read for the code of the model.
fn take_input() -> std::io::Result<UnixStream> {
    let socket = std::io::stdin().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    Ok(UnixStream::from(socket))
}

/// Loads the copy and runs its requests, in a thread that is named after the instance.
fn serve(
    settings: &Arc<WorkerSettings>,
    end: WorkerEnd,
    server: &Arc<ControlSender>,
) -> Result<(), String> {
    let (own, answering) = (Arc::clone(settings), Arc::clone(server));
    let run = move || {
        let _signals = crash::SignalStack::new();
        let (loaded, copy) = load(&own).inspect_err(|cause| {
            answering.send(&FromWorker::Failed(format!("model {}: {cause}", own.model.key())));
        })?;
        answering.send(&FromWorker::Loaded(loaded));
        let run = match copy {
            LoadedCopy::Requests(mut inferer) => {
                run_batches(&mut WorkerChannel::new(end), &mut *inferer, &own.name())
            }
            LoadedCopy::Steps(mut model) => run_steps(&mut WorkerSteps::new(end), &mut *model),
        };
        run.inspect_err(|cause| tracing::error!("the copy can't be used any more: {cause}"))
    };
    let thread = std::thread::Builder::new().name(settings.name()).spawn(run);
    let outcome = thread.map_err(|error| error.to_string())?.join();
    outcome.unwrap_or_else(|_| Err("the thread of the copy has panicked".to_owned()))
}

/// The copy that the worker runs.
enum LoadedCopy {
    Requests(Box<dyn NativeInferer>),
    Steps(Box<dyn NativeStepModel>),
}

/// Loads the copy as a server does that runs it in a thread.
fn load(settings: &WorkerSettings) -> Result<(Loaded, LoadedCopy), String> {
    let WorkerSettings { folder, model, index, processors, .. } = settings;
    for (engine, library) in &settings.libraries {
        if let Some(engine) = NativeEngine::named(engine) {
            engine.use_library(library.clone());
        }
    }
    let device = model.device.as_deref();
    if model.makes_steps() {
        let copies = step_copies(model, folder)?;
        let copy = copies.load(*index, device)?()?;
        let loaded = Loaded::of_steps(copies.signature, copies.row_bytes);
        return Ok((loaded, LoadedCopy::Steps(copy)));
    }
    let copies = copies_of(model, folder, *processors)?;
    let Copies { form, signature, places, load, .. } = copies;
    let inferer = load(*index, device)?()?;
    Ok((Loaded::new(form, signature, places), LoadedCopy::Requests(inferer)))
}

/// Sets the level of the log as the server says, and ends the process at once when the server has
/// ended, whatever the model does.
fn follow_levels(mut server: ControlReader, level: ForwardedLevel) -> std::io::Result<()> {
    let follow = move || {
        while let Some(set) = server.next::<LevelSet>() {
            let Ok(set) = set else { continue };
            if let Err(error) = level.set(&set.level) {
                tracing::warn!("the level of the log stays: {error}");
            }
        }
        process::end(0);
    };
    std::thread::Builder::new().name("control".to_owned()).spawn(follow).map(drop)
}

/// Sends the values that plugins record, until what is returned is dropped.
fn send_recorded(server: Arc<ControlSender>) -> std::io::Result<(Sender<()>, JoinHandle<()>)> {
    let (sender, ended) = channel();
    let send = move || {
        let mut is_ended = false;
        while !is_ended {
            is_ended = ended.recv_timeout(SEND_PAUSE) != Err(RecvTimeoutError::Timeout);
            let values = monitor::take_recorded().into_iter();
            let values: Vec<_> =
                values.map(|(kind, name, value)| (kind.name().to_owned(), name, value)).collect();
            if !values.is_empty() {
                server.send(&FromWorker::Recorded(values));
            }
        }
    };
    let thread = std::thread::Builder::new().name("metrics".to_owned()).spawn(send)?;
    Ok((sender, thread))
}
