//! One service from start to end: configuration, listening, loading, serving, draining.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use grps_config::{Loader, parse_ports};
use grps_core::{Engine, Health, Limits};
use grps_engines::NativeEngine;
use grps_remote::Services;
use grps_server::codec::Codec;
use grps_server::{App, Bound, DataPlane, OtherServices, bind_unix, listen};

use crate::callers::Callers;
use crate::commands::take_commands;
use crate::models::ServedModels;
use crate::output_file::{OUTPUT, bound_output};
use crate::project::Project;
use crate::remote_models::{RemoteModels, services};
use crate::service_log::ServiceLog;
use crate::settings::{io_threads, settings, unix_sockets};
use crate::state::State;
use crate::stderr_log::StderrFormat;
use crate::stopping::{Ending, StopRequest};
use crate::workers::WorkerStarter;

const OWN_SOCKET: &str = "service.sock";
/// Longest wait for instances that still run after the drain.
const END_TIMEOUT: Duration = Duration::from_millis(1500);
/// So long after the longest drain the process is ended, whatever its threads do.
const MARGIN: Duration = Duration::from_secs(4);

/// How a service process is run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) project: PathBuf,
    /// The folder of `conf/` and `logs/`; the project itself when `None`.
    pub(crate) service: Option<PathBuf>,
    pub(crate) state_file: Option<PathBuf>,
    pub(crate) to_stderr: bool,
    /// The format of logs on standard error only; files as configured when `None`.
    pub(crate) only_stderr: Option<StderrFormat>,
    /// Libraries of engines; others are looked for.
    pub(crate) libraries: Vec<(NativeEngine, PathBuf)>,
    /// Ports to listen on; what `server.yml` says when `None`.
    pub(crate) port: Option<String>,
}

/// A service process.
pub(crate) struct Service {
    options: Options,
    /// The folder of `conf/` and `logs/`.
    folder: PathBuf,
    state: State,
    stop: Arc<StopRequest>,
    ended: Arc<Ending>,
}

impl Service {
    pub(crate) fn new(options: Options, stop: Arc<StopRequest>) -> Self {
        for (engine, library) in &options.libraries {
            engine.use_library(library.clone());
        }
        let folder = options.service.clone().unwrap_or_else(|| options.project.clone());
        let state = State::of_this_process(&folder);
        Self { options, folder, state, stop, ended: Arc::default() }
    }

    /// Serves until a signal has drained the service.
    pub(crate) fn run(mut self) -> Result<(), String> {
        self.report("starting", "reading the configuration")?;
        let served = self.start();
        self.ended.set();
        if let Err(error) = &served {
            self.state.error = Some(error.clone());
            self.report("failed", error)?;
        }
        served
    }

    fn start(&mut self) -> Result<(), String> {
        let loader = Loader::new().map_err(|error| error.to_string())?;
        let conf = self.folder.join("conf");
        let project = Project::read(&loader, &self.options.project, &conf);
        let mut project = project.map_err(|error| error.to_string())?;
        if let Some(port) = &self.options.port {
            project.server.interface.port.clone_from(port);
        }
        let limits = &project.server.limits;
        self.stop.end_within(Duration::from_millis(limits.drain_timeout_ms) + MARGIN);
        let config = &project.server.log;
        let log = match self.options.only_stderr {
            Some(format) => ServiceLog::on_stderr(config, format)?,
            None => ServiceLog::start(&self.folder, config, self.options.to_stderr)?,
        };
        let log = Arc::new(log);
        self.bound_output()?;
        let served = self.listen(&project, loader, &log);
        if let Err(error) = &served {
            tracing::error!("the service can't go on: {error}");
        }
        log.close();
        served
    }

    fn listen(
        &mut self,
        project: &Project,
        loader: Loader,
        log: &Arc<ServiceLog>,
    ) -> Result<(), String> {
        let services = Arc::new(services(&project.inference, &project.folder)?);
        let (app, plane) = self.serve(project, &services)?;
        let served = self.load(project, loader, &app, (log, services));
        self.report("draining", "finishing running requests")?;
        plane.drain();
        let ended = plane.join();
        for model in app.engine.registry().models() {
            model.executor().close();
        }
        if let Ok(Some(models)) = &served {
            models.stop(END_TIMEOUT);
        }
        served?;
        ended.map_err(|error| error.to_string())?;
        self.report("stopped", "stopped")
    }

    /// Loads all models and waits for the signal.
    fn load(
        &mut self,
        project: &Project,
        loader: Loader,
        app: &Arc<App>,
        (log, services): (&Arc<ServiceLog>, Arc<Services>),
    ) -> Result<Option<Arc<ServedModels>>, String> {
        let folders = (self.options.project.clone(), self.folder.join("conf"));
        let workers = WorkerStarter {
            libraries: self.options.libraries.clone(),
            monitor: Arc::clone(&app.monitor),
            log: Arc::clone(log),
        };
        let remote = RemoteModels { services, stop: Arc::clone(&self.stop) };
        let models = ServedModels::new(Arc::clone(app), loader, folders, workers, remote);
        let models = Arc::new(models);
        let stop = Arc::clone(&self.stop);
        let mut failed = None;
        let loaded = models.start(project, &mut |text| {
            failed = self.report("loading", text).err();
            failed.is_none() && !stop.requested.is_set()
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        if !loaded || self.stop.requested.is_set() {
            tracing::info!("asked to stop before all models were loaded");
            return Ok(Some(models));
        }
        let taken = take_commands(Arc::clone(&models), Arc::clone(app));
        taken.map_err(|error| error.to_string())?;
        app.engine.health().set_loaded();
        let ports: Vec<String> = self.state.ports.iter().map(u16::to_string).collect();
        let host = &project.server.interface.host;
        self.report("ready", &format!("listening on {host}:{}", ports.join(",")))?;
        self.stop.requested.wait();
        Ok(Some(models))
    }

    /// Binds the sockets and starts the data plane.
    fn serve(
        &mut self,
        project: &Project,
        services: &Arc<Services>,
    ) -> Result<(Arc<App>, Arc<DataPlane>), String> {
        let config = &project.server;
        let limits =
            Limits { max_concurrency: config.max_concurrency, max_queue: config.limits.max_queue };
        let engine = Engine::new(limits, Health::new(config.health.start_online), Box::new(Codec));
        let app = Arc::new(App::new(
            Arc::new(engine),
            settings(project, &self.folder, self.options.only_stderr.is_none())?,
        ));
        grps_plugin::monitor::record_in_service(&app.monitor);
        if !project.inference.services.is_empty() {
            let services: Arc<dyn OtherServices> = Arc::<Services>::clone(services);
            app.set_services(services);
        }
        // Before the first connection.
        self.admit_callers(project, &app)?;
        let listeners = self.bind(project)?;
        let plane = DataPlane::start(&app, listeners, io_threads(config));
        let plane = Arc::new(plane.map_err(|error| error.to_string())?);
        let draining = Arc::clone(&plane);
        self.stop.on_stop(move || draining.drain());
        Ok((app, plane))
    }

    fn bind(&mut self, project: &Project) -> Result<Vec<Bound>, String> {
        let interface = &project.server.interface;
        let host = interface.host.as_str();
        let mut ports = parse_ports(&interface.port)?;
        if interface.framework == grps_config::types::Framework::Http {
            ports.truncate(1);
        }
        let mut bound: Vec<Bound> = Vec::new();
        for port in ports {
            let (listener, port) = listen(host, port)?;
            self.state.ports.push(port);
            bound.push(listener.into());
        }
        let needs_own = interface.tls.is_some() || interface.proxy_protocol.is_some();
        let state_file = self.options.state_file.as_deref().filter(|_| needs_own);
        let own = state_file.map(|file| file.with_file_name(OWN_SOCKET));
        for (path, mode) in unix_sockets(interface, &self.folder, own.as_deref()) {
            let socket = bind_unix(&path, mode);
            bound.push(
                socket.map_err(|error| format!("can't listen on {}: {error}", path.display()))?,
            );
        }
        self.state.host = match host {
            "0.0.0.0" => "127.0.0.1",
            "::" => "::1",
            other => other,
        }
        .to_owned();
        self.state.unix_socket = own.map_or_else(String::new, |own| own.display().to_string());
        self.state.tls = interface.tls.is_some();
        Ok(bound)
    }

    fn admit_callers(&self, project: &Project, app: &Arc<App>) -> Result<(), String> {
        let Some(auth) = project.server.auth.clone() else {
            warn_if_open(&project.server.interface.host);
            return Ok(());
        };
        let folders = vec![self.folder.join("conf"), self.options.project.join("conf")];
        let loader = Loader::new().map_err(|error| error.to_string())?;
        let callers = Callers::new(auth, folders, Arc::clone(app), loader);
        callers.admit()?;
        let ended = Arc::clone(&self.ended);
        let thread = std::thread::Builder::new().name("callers".to_owned());
        thread.spawn(move || callers.follow(&ended)).map(drop).map_err(|error| error.to_string())
    }

    fn bound_output(&self) -> Result<(), String> {
        let (output, ended) = (self.folder.join("logs").join(OUTPUT), Arc::clone(&self.ended));
        let thread = std::thread::Builder::new().name("output".to_owned());
        let started = thread.spawn(move || bound_output(&output, &ended));
        started.map(drop).map_err(|error| error.to_string())
    }

    fn report(&mut self, phase: &'static str, detail: &str) -> Result<(), String> {
        tracing::info!("{phase}: {detail}");
        self.state.phase = phase;
        detail.clone_into(&mut self.state.detail);
        let file: Option<&Path> = self.options.state_file.as_deref();
        file.map_or(Ok(()), |file| {
            self.state.write(file).map_err(|error| format!("{}: {error}", file.display()))
        })
    }
}

fn warn_if_open(host: &str) {
    let is_local = host.parse::<IpAddr>().map_or(host == "localhost", |host| host.is_loopback());
    if !is_local {
        tracing::info!(
            "no 'auth' in server.yml: every client that reaches {host} may infer and read metadata"
        );
    }
}
