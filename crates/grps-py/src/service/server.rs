//! The server as Python sees it: settings in, models added, started, stopped.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::thread::JoinHandle;

use grps_core::metrics::Kind;
use grps_core::{Engine, Health, Limits};
use grps_server::{App, Settings, bind, codec::Codec, now_s, series_json, serve};
use parking_lot::Mutex;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use tokio::sync::oneshot;

use crate::service::command::Command;
use crate::service::graph::PyGraph;
use crate::service::model::Model;
use crate::service::settings::PySettings;

/// One service: an engine behind listening sockets.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct Server {
    app: Arc<App>,
    io_threads: usize,
    /// The running data plane; `None` before `start` and after `wait`.
    running: Mutex<Option<Running>>,
}

struct Running {
    /// Starts the drain; taken by `stop`.
    shutdown: Option<oneshot::Sender<()>>,
    /// The thread that runs the data plane.
    thread: JoinHandle<std::io::Result<()>>,
}

#[pymethods]
impl Server {
    /// Makes a server that is not listening yet.
    #[new]
    fn new(settings: PySettings) -> PyResult<Self> {
        let limits =
            Limits { max_concurrency: settings.max_concurrency, max_queue: settings.max_queue };
        let engine = Engine::new(limits, Health::new(settings.start_online), Box::new(Codec));
        let io_threads = settings.io_threads;
        let app = Arc::new(App::new(Arc::new(engine), Settings::try_from(settings)?));
        grps_plugin::monitor::record_here(&app.monitor);
        Ok(Self { app, io_threads, running: Mutex::new(None) })
    }

    /// Binds every (host, port) and starts serving; returns the ports that were bound.
    fn start(&self, addresses: Vec<(String, u16)>) -> PyResult<Vec<u16>> {
        let mut running = self.running.lock();
        if running.is_some() {
            return Err(PyRuntimeError::new_err("the server is started already"));
        }
        let mut listeners = Vec::with_capacity(addresses.len());
        for (host, port) in addresses {
            let listener =
                bind(resolve(&host, port)?).map_err(|error| bind_error(&host, port, &error))?;
            listeners.push(listener);
        }
        let ports = listeners
            .iter()
            .map(|listener| listener.local_addr().map(|address| address.port()))
            .collect::<Result<_, _>>()?;
        *running = Some(self.spawn(listeners)?);
        Ok(ports)
    }

    /// Serves a model, in place of the one of the same name and version if there is one. That goes
    /// on for the requests it has; its queue closes after the last of them.
    fn put_model(&self, py: Python<'_>, model: &Model) -> PyResult<()> {
        let model = model.take()?;
        let put = py.detach(|| self.app.engine.registry().put(model).map(drop));
        put.map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// Takes a model out of service by its `name-version`; it goes on as a replaced one does.
    fn remove_model(&self, py: Python<'_>, key: &str) -> PyResult<()> {
        let removed = py.detach(|| self.app.engine.registry().remove(key).map(drop));
        removed.map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// What keeps the service from answering, as a line.
    fn trouble(&self) -> Option<String> {
        self.app.engine.registry().trouble()
    }

    /// Waits for the next thing an operator asks; None once the service ends. One thread calls it.
    fn next_command(&self, py: Python<'_>) -> Option<Command> {
        py.detach(|| self.app.commands.next()).map(Command::new)
    }

    /// Sets the models a request without a model name passes through, in order.
    fn set_default(&self, models: Vec<String>) -> PyResult<()> {
        let set = self.app.engine.registry().set_default(&models);
        set.map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// Serves a graph of models under its name, in place of an earlier one; `default` also lets it answer
    /// requests that name no model.
    fn put_graph(&self, graph: PyGraph, metadata: String, default: bool) -> PyResult<()> {
        let added = self.app.engine.registry().put_graph(graph.into_spec(metadata)?, default);
        added.map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// Records a value of user code under a name; `kind` is avg, max, min, inc or cdf.
    fn record(&self, kind: &str, name: &str, value: f64) -> PyResult<()> {
        let known = Kind::of(kind);
        let kind = known.ok_or_else(|| PyValueError::new_err(format!("unknown kind '{kind}'")))?;
        let recorded = self.app.monitor.record(now_s(), kind, name, value);
        recorded.map_err(|refused| PyValueError::new_err(refused.to_string()))
    }

    /// A series as the JSON text of `monitor/series`; None when there is none of this name.
    fn series(&self, name: &str) -> Option<String> {
        series_json(&self.app.monitor, name)
    }

    /// The names of all series.
    fn series_names(&self) -> Vec<String> {
        self.app.monitor.names()
    }

    /// Tells that every model is loaded and warmed, so that the service can be ready.
    fn set_loaded(&self) {
        self.app.engine.health().set_loaded();
    }

    /// Starts the drain: running requests finish, new ones get 503. Returns at once.
    fn stop(&self) {
        self.app.commands.end();
        if let Some(shutdown) = self.running.lock().as_mut().and_then(|r| r.shutdown.take()) {
            // The data plane may have ended by itself; then nothing is left to stop.
            let _ = shutdown.send(());
        }
    }

    /// Waits until the data plane has ended, then closes the queues so that instances end.
    fn wait(&self, py: Python<'_>) -> PyResult<()> {
        let running = self.running.lock().take();
        let outcome = match running {
            None => Ok(Ok(())),
            // Kept in one piece: dropping the shutdown sender would start the drain.
            Some(running) => py.detach(|| {
                let Running { shutdown, thread } = running;
                let outcome = thread.join();
                drop(shutdown);
                outcome
            }),
        };
        for model in self.app.engine.registry().models() {
            model.executor().close();
        }
        match outcome {
            Ok(served) => served.map_err(PyErr::from),
            Err(_) => Err(PyRuntimeError::new_err("the data plane stopped unexpectedly")),
        }
    }
}

impl Server {
    fn spawn(&self, listeners: Vec<std::net::TcpListener>) -> PyResult<Running> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(self.io_threads)
            .thread_name("grps-io")
            .enable_all()
            .build()?;
        let (shutdown, stopped) = oneshot::channel::<()>();
        let app = Arc::clone(&self.app);
        let serving = move || {
            runtime.block_on(serve(listeners, app, async {
                // A dropped sender means the same as a sent one: the owner is done.
                let _ = stopped.await;
            }))
        };
        let thread = std::thread::Builder::new().name("grps-serve".into()).spawn(serving)?;
        Ok(Running { shutdown: Some(shutdown), thread })
    }
}

fn resolve(host: &str, port: u16) -> PyResult<SocketAddr> {
    let found = (host, port).to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    found.ok_or_else(|| PyValueError::new_err(format!("can't resolve host '{host}'")))
}

fn bind_error(host: &str, port: u16, error: &std::io::Error) -> PyErr {
    PyOSError::new_err(format!("can't listen on {host}:{port}: {error}"))
}
