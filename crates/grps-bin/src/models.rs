//! The models of a running service: loaded at start, and loaded, unloaded or reloaded on demand.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use grps_config::Loader;
use grps_config::types::{InferenceConfig, ModelConfig};
use grps_core::{Cause, Error, Registry};
use grps_server::{App, Command};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::graphs::serve_graphs;
use crate::instances::InstanceState;
use crate::loading::{LoadedModel, load_model, spec_of};
use crate::project::Project;
use crate::remote_models::{LONGEST_WAIT, RemoteModels};
use crate::service_log::ServiceLog;
use crate::traffic::put_traffic;
use crate::workers::WorkerStarter;

/// A model behind the server.
struct ServedModel {
    loaded: LoadedModel,
    /// Seconds since the epoch.
    since: f64,
    load_s: f64,
}

/// The configuration that the graphs of a service are part of; `None` before its start.
type Graphs = Option<InferenceConfig>;
/// Models by `name-version`.
type Served = BTreeMap<String, ServedModel>;

/// All models behind one server.
pub(crate) struct ServedModels {
    app: Arc<App>,
    loader: Loader,
    /// The project, and the folder of `conf`.
    folders: (PathBuf, PathBuf),
    /// Held through a change, so that changes are made one at a time.
    changing: Mutex<Graphs>,
    /// Never locked while a model is loaded, so that listing does not wait for a change.
    served: Mutex<Served>,
    log: Arc<ServiceLog>,
    /// Starts the processes of models with `isolation: process`.
    workers: WorkerStarter,
    /// Makes models that run in other services.
    remote: RemoteModels,
}

impl ServedModels {
    pub(crate) fn new(
        app: Arc<App>,
        loader: Loader,
        folders: (PathBuf, PathBuf),
        workers: WorkerStarter,
        remote: RemoteModels,
    ) -> Self {
        let (changing, served) = (Mutex::default(), Mutex::default());
        let log = Arc::clone(&workers.log);
        Self { app, loader, folders, changing, served, log, workers, remote }
    }

    /// Loads and serves all models and graphs of a project; `report` gets each model's name, and
    /// says whether to go on.
    pub(crate) fn start(
        &self,
        project: &Project,
        report: &mut dyn FnMut(&str) -> bool,
    ) -> Result<bool, String> {
        let mut graphs = self.changing.lock();
        // Before the first version can get a request.
        put_traffic(self.registry(), &project.inference)?;
        let count = project.inference.models.len();
        // Two services may wait for models of each other: each has its own ones by then.
        let mut configs: Vec<_> = project.inference.models.iter().collect();
        configs.sort_by_key(|config| config.remote.is_some());
        for (index, config) in configs.into_iter().enumerate() {
            let of = if count > 1 { format!(" ({} of {count})", index + 1) } else { String::new() };
            if !report(&format!("loading model {}{of}", config.key())) {
                return Ok(false);
            }
            if !self.put(project, config, None)? {
                return Ok(false);
            }
        }
        *graphs = Some(project.inference.clone());
        serve_graphs(self.registry(), &project.inference)?;
        Ok(true)
    }

    /// Ends all instances and waits for a change that is made; what runs longer ends with the
    /// process.
    pub(crate) fn stop(&self, timeout: Duration) {
        let end = Instant::now() + timeout;
        let served = self.served.lock();
        let instances = || served.values().flat_map(|one| &one.loaded.instances);
        instances().for_each(|instance| instance.begin_stop());
        for instance in instances() {
            instance.stop(end.saturating_duration_since(Instant::now()));
        }
        drop(served);
        if self.changing.try_lock_until(end).is_none() {
            tracing::warn!("the process ends while a model is loaded or unloaded");
        }
    }

    /// Runs a command of an operator that concerns models.
    pub(crate) fn run(&self, command: Command) {
        let (action, name) = (command.action.name(), command.model.clone());
        let outcome = match action {
            "list" => Ok(json!({"models": self.describe()})),
            "set_log_level" => self.set_log_level(&name),
            "load" => self.load(&name),
            "unload" => self.unload(&name),
            _ => self.reload(&name),
        };
        if let Err(error) = &outcome {
            tracing::warn!("{action} of model {name} failed: {error}");
        }
        command.reply(outcome.map(|outcome| outcome.to_string()));
    }

    fn set_log_level(&self, level: &str) -> Result<Value, Error> {
        let set = self.log.set_level(level)?;
        let native = self.log.level();
        for one in self.served.lock().values() {
            one.loaded.instances.iter().for_each(|instance| instance.set_log_level(&native));
        }
        Ok(set)
    }

    fn load(&self, name: &str) -> Result<Value, Error> {
        let graphs = self.changing.lock();
        let project = self.read()?;
        let configured = named(name, &project.inference.models);
        let Some(first) = configured.first() else {
            let known = keys(&project.inference.models);
            let file = project.inference_file.display();
            let text = format!("{file} has no model '{name}'; it has: {known}");
            return Err(Error::new(Cause::NotFound, text));
        };
        let served: Vec<String> = self.configs().iter().map(ModelConfig::key).collect();
        let waiting = configured.iter().filter(|model| !served.contains(&model.key()));
        let waiting: Vec<ModelConfig> = waiting.cloned().collect();
        if waiting.is_empty() {
            let text = format!("model {} is served already; reload it instead", first.key());
            return Err(invalid(text));
        }
        let config = only(name, &waiting)?;
        self.replace(graphs.as_ref(), &project, &config)
    }

    fn reload(&self, name: &str) -> Result<Value, Error> {
        let graphs = self.changing.lock();
        let key = self.find(name)?;
        let project = self.read()?;
        let configured = project.inference.models.iter().find(|model| model.key() == key);
        let config = configured.cloned().ok_or_else(|| {
            let file = project.inference_file.display();
            Error::new(Cause::NotFound, format!("{file} has no model '{key}' any more"))
        })?;
        self.replace(graphs.as_ref(), &project, &config)
    }

    fn unload(&self, name: &str) -> Result<Value, Error> {
        let _changing = self.changing.lock();
        let key = self.find(name)?;
        self.registry().remove(&key)?;
        let before = self.served.lock().remove(&key);
        if let Some(before) = before {
            retire(before);
        }
        tracing::info!("model {key} is unloaded");
        Ok(json!({"model": key, "state": "unloaded", "trouble": self.registry().trouble()}))
    }

    fn describe(&self) -> Vec<Value> {
        let served = self.served.lock();
        let mut all: BTreeMap<String, Value> =
            served.iter().map(|(key, one)| (key.clone(), described(one))).collect();
        drop(served);
        if let Ok(project) = self.read() {
            for key in project.inference.models.iter().map(ModelConfig::key) {
                all.entry(key).or_insert_with_key(|key| json!({"model": key, "state": "unloaded"}));
            }
        }
        all.into_values().collect()
    }

    fn replace(
        &self,
        graphs: Option<&InferenceConfig>,
        project: &Project,
        config: &ModelConfig,
    ) -> Result<Value, Error> {
        let failed = |text: String| Error::new(Cause::ModelFailed, text);
        self.put(project, config, Some(LONGEST_WAIT)).map_err(failed)?;
        if let Some(graphs) = graphs {
            let needed = graphs.dag.iter().chain(&graphs.graphs).flat_map(|graph| &graph.nodes);
            let mut needed = needed.map(|node| node.model.as_str());
            let models = self.configs();
            // A graph that lacks a model stays as it is, and reports it.
            if needed.all(|model| !named(model, &models).is_empty()) {
                serve_graphs(self.registry(), graphs).map_err(failed)?;
            }
        }
        let served = self.served.lock();
        let Some(one) = served.get(&config.key()) else { return Ok(Value::Null) };
        tracing::info!("model {} is loaded ({:.2} s)", config.key(), one.load_s);
        Ok(described(one))
    }

    /// Serves a model, whose other service is waited for no longer than `limit`; false when the
    /// process is asked to stop before.
    fn put(
        &self,
        project: &Project,
        config: &ModelConfig,
        limit: Option<Duration>,
    ) -> Result<bool, String> {
        let began = Instant::now();
        let key = config.key();
        let places = project.inference.models.iter().zip(&project.descriptions);
        let description = places.into_iter().find(|(model, _)| model.key() == key);
        let description = description.map(|(_, description)| description);
        let description = description.ok_or_else(|| format!("model {key}: not described"))?;
        let loaded = match &config.remote {
            None => Some(load_model(config, description, project, &self.workers)?),
            Some(remote) => {
                let spec = spec_of(config, description, &project.server);
                self.remote.load(config, remote, spec, limit)?
            }
        };
        let Some(mut loaded) = loaded else { return Ok(false) };
        loaded.calls.connect(&self.app.engine);
        if let Some(model) = loaded.model.take()
            && let Err(error) = self.registry().put(model)
        {
            loaded.executor.close();
            loaded.instances.iter().for_each(|instance| instance.join());
            return Err(error.to_string());
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let load_s = began.elapsed().as_secs_f64();
        let before = self.served.lock().insert(key, ServedModel { loaded, since, load_s });
        if let Some(before) = before {
            retire(before);
        }
        Ok(true)
    }

    fn read(&self) -> Result<Project, Error> {
        let (folder, conf) = &self.folders;
        let project = Project::read(&self.loader, folder, conf);
        project.map_err(|error| Error::new(Cause::ModelFailed, error.to_string()))
    }

    /// The key of the served model that a name means.
    fn find(&self, name: &str) -> Result<String, Error> {
        let models = self.configs();
        let found = named(name, &models);
        if found.is_empty() {
            let known = if models.is_empty() { "none".to_owned() } else { keys(&models) };
            let text = format!("no model '{name}' is served; served: {known}");
            return Err(Error::new(Cause::NotFound, text));
        }
        only(name, &found).map(|config| config.key())
    }

    /// The configurations of the served models.
    fn configs(&self) -> Vec<ModelConfig> {
        self.served.lock().values().map(|one| one.loaded.config.clone()).collect()
    }

    fn registry(&self) -> &Registry {
        self.app.engine.registry()
    }
}

/// Frees a model, in a thread of its own, when all its requests are finished.
fn retire(before: ServedModel) {
    let key = before.loaded.config.key();
    let free = move || {
        before.loaded.instances.iter().for_each(|instance| instance.join());
        tracing::info!("the former model {key} is freed");
    };
    if let Err(error) = std::thread::Builder::new().name("retires".to_owned()).spawn(free) {
        tracing::error!("a former model is kept: {error}");
    }
}

fn described(one: &ServedModel) -> Value {
    let config = &one.loaded.config;
    let instances = one.loaded.instances.iter().enumerate().map(|(index, instance)| {
        let InstanceState { life, reason, restarts, pid } = instance.state();
        let mut described = json!({
            "name": format!("{}#{index}", config.key()),
            "state": life.name(),
            "restarts": restarts,
        });
        if let Some(reason) = reason {
            described["reason"] = Value::from(reason);
        }
        if let Some(pid) = pid {
            described["pid"] = Value::from(pid);
        }
        described
    });
    json!({
        "model": config.key(),
        "state": "served",
        "inferer": config.inferer_type,
        "isolation": config.isolation,
        "since": one.since,
        "load_s": (one.load_s * 1000.0).round() / 1000.0,
        "queue_length": one.loaded.executor.queue_length(),
        "instances": instances.collect::<Vec<_>>(),
    })
}

fn named(name: &str, models: &[ModelConfig]) -> Vec<ModelConfig> {
    let exact: Vec<ModelConfig> =
        models.iter().filter(|model| model.key() == name).cloned().collect();
    if exact.is_empty() {
        return models.iter().filter(|model| model.name == name).cloned().collect();
    }
    exact
}

fn only(name: &str, found: &[ModelConfig]) -> Result<ModelConfig, Error> {
    match found {
        [one] => Ok(one.clone()),
        several => {
            let keys = keys(several);
            Err(invalid(format!("'{name}' could be any of {keys}; give one of them")))
        }
    }
}

fn keys(models: &[ModelConfig]) -> String {
    models.iter().map(ModelConfig::key).collect::<Vec<_>>().join(", ")
}

fn invalid(text: String) -> Error {
    Error::new(Cause::InvalidArgument, text)
}
