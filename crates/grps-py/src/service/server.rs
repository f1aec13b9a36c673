//! The Python class of the server: its settings, models, start and stop.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use grps_core::metrics::Kind;
use grps_core::{Engine, Health, Limits};
use grps_server::codec::Codec;
use grps_server::{
    App, AuthSettings, Bound, DataPlane, OtherServices, Settings, TrafficSettings, bind_unix,
    listen, now_s, series_json,
};
use parking_lot::Mutex;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::service::callers::PyCallers;
use crate::service::command::Command;
use crate::service::graph::PyGraph;
use crate::service::model::Model;
use crate::service::remote::Services;
use crate::service::settings::PySettings;

/// One service: an engine behind listening sockets.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct Server {
    app: Arc<App>,
    io_threads: usize,
    /// What serves; `None` before `start`.
    plane: Mutex<Option<Arc<DataPlane>>>,
}

#[pymethods]
impl Server {
    /// Creates a server that does not listen yet.
    #[new]
    fn new(settings: PySettings) -> PyResult<Self> {
        let limits =
            Limits { max_concurrency: settings.max_concurrency, max_queue: settings.max_queue };
        let engine = Engine::new(limits, Health::new(settings.start_online), Box::new(Codec));
        let io_threads = settings.io_threads;
        let app = Arc::new(App::new(Arc::new(engine), Settings::try_from(settings)?));
        grps_plugin::monitor::record_in_service(&app.monitor);
        Ok(Self { app, io_threads, plane: Mutex::new(None) })
    }

    /// Binds every (host, port) and every Unix socket with its mode, and starts to serve; returns the
    /// bound ports.
    #[pyo3(signature = (addresses, unix_sockets = Vec::new()))]
    fn start(
        &self,
        addresses: Vec<(String, u16)>,
        unix_sockets: Vec<(PathBuf, u32)>,
    ) -> PyResult<Vec<u16>> {
        let mut plane = self.plane.lock();
        if plane.is_some() {
            return Err(PyRuntimeError::new_err("the server is already started"));
        }
        let (mut bound, mut ports) = (Vec::<Bound>::new(), Vec::new());
        for (host, port) in addresses {
            let (listener, port) = listen(&host, port).map_err(PyOSError::new_err)?;
            bound.push(listener.into());
            ports.push(port);
        }
        for (path, mode) in unix_sockets {
            bound.push(bind_unix(&path, mode).map_err(|error| socket_error(&path, &error))?);
        }
        *plane = Some(Arc::new(DataPlane::start(&self.app, bound, self.io_threads)?));
        Ok(ports)
    }

    /// Lets only these callers infer and read from here on, and replaces those of before.
    fn set_callers(&self, callers: PyCallers) -> PyResult<()> {
        let set = self.app.set_callers(&AuthSettings::try_from(callers)?);
        set.map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// Connects to these services when the server starts.
    fn set_services(&self, services: &Services) {
        let services: Arc<dyn OtherServices> =
            Arc::<grps_remote::Services>::clone(services.services());
        self.app.set_services(services);
    }

    /// Serves a model and replaces a model of the same name and version. The replaced model finishes
    /// its requests, then its queue closes.
    fn put_model(&self, py: Python<'_>, model: &Model) -> PyResult<()> {
        model.calls().connect(&self.app.engine);
        let model = model.take()?;
        let put = py.detach(|| self.app.engine.registry().put(model).map(drop));
        put.map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// Removes a model from service by its `name-version`; it finishes its requests first.
    fn remove_model(&self, py: Python<'_>, key: &str) -> PyResult<()> {
        let removed = py.detach(|| self.app.engine.registry().remove(key).map(drop));
        removed.map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// Returns why models can't run requests, as a line; None when they can.
    fn trouble(&self) -> Option<String> {
        self.app.engine.registry().trouble()
    }

    /// Waits for the next command of an operator; None when the service ends. One thread calls it.
    fn next_command(&self, py: Python<'_>) -> Option<Command> {
        py.detach(|| self.app.commands.next()).map(Command::new)
    }

    /// Sets the models, in sequence, for requests without a model name.
    fn set_default(&self, models: Vec<String>) -> PyResult<()> {
        let set = self.app.engine.registry().set_default(&models);
        set.map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// Serves a graph and replaces a graph of the same name. With `default` it also serves requests
    /// without a model name.
    fn put_graph(&self, graph: PyGraph, metadata: String, default: bool) -> PyResult<()> {
        let added = self.app.engine.registry().put_graph(graph.into_spec(metadata)?, default);
        added.map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// Divides the requests for a model among its versions, as the settings in JSON say.
    fn put_traffic(&self, json: &str) -> PyResult<()> {
        let put = TrafficSettings::read(json)
            .and_then(|spec| self.app.engine.registry().put_traffic(spec));
        put.map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// Records a value of user code under a name; `kind` is avg, max, min, inc or cdf.
    fn record(&self, kind: &str, name: &str, value: f64) -> PyResult<()> {
        let parsed = Kind::from_name(kind);
        let kind = parsed.ok_or_else(|| PyValueError::new_err(format!("unknown kind '{kind}'")))?;
        let recorded = self.app.monitor.record(now_s(), kind, name, value);
        recorded.map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// A series as the JSON text of `monitor/series`; None for an unknown name.
    fn series(&self, name: &str) -> Option<String> {
        series_json(&self.app.monitor, name)
    }

    /// The names of all series.
    fn series_names(&self) -> Vec<String> {
        self.app.monitor.names()
    }

    /// Marks every model as loaded and warmed up, so that the service can become ready.
    fn set_loaded(&self) {
        self.app.engine.health().set_loaded();
    }

    /// Starts the drain: running requests finish, new ones get 503. Returns at once.
    fn stop(&self) {
        self.drain();
    }

    /// Waits until the data plane has ended, then closes the queues so that instances end.
    fn wait(&self, py: Python<'_>) -> PyResult<()> {
        let plane = self.plane.lock().clone();
        let ended = plane.map_or(Ok(()), |plane| py.detach(|| plane.join()));
        for model in self.app.engine.registry().models() {
            model.executor().close();
        }
        Ok(ended?)
    }
}

impl Server {
    /// Starts the drain; needs no GIL.
    pub(crate) fn drain(&self) {
        match &*self.plane.lock() {
            Some(plane) => plane.drain(),
            None => self.app.commands.end(),
        }
    }
}

fn socket_error(path: &Path, error: &std::io::Error) -> PyErr {
    PyOSError::new_err(format!("can't listen on {}: {error}", path.display()))
}
