//! The repository of models: what is in it, and loading and unloading.

use grps_core::{Cause, Error, RouteQuery};
use serde::Serialize;

use crate::admin::commands::Action;
use crate::call::call::Call;
use crate::frontends::oip::inference::parameters::Parameters;
use crate::frontends::shared::inference::lookup;

/// The state of one version of a model.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct IndexEntry {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) state: &'static str,
    /// Why it is not ready; empty if it is.
    pub(crate) reason: String,
}

/// Maximum length of a model name with its version.
const MAX_NAME_BYTES: usize = 257;

/// The models and graphs; with `only_ready`, only those that are ready. Models that were unloaded are
/// part of it.
pub(crate) fn index(call: &Call, only_ready: bool) -> Vec<IndexEntry> {
    let registry = call.app.engine.registry();
    let models = registry.models();
    let mut entries: Vec<IndexEntry> = models
        .iter()
        .map(|model| {
            let (name, version) = (&model.spec().name, &model.spec().version);
            IndexEntry::new(name, version, model.executor().trouble())
        })
        .collect();
    for (spec, route) in registry.graphs() {
        let trouble = route.as_ref().err().map(|error| error.message().to_owned());
        entries.push(IndexEntry::new(&spec.name, "1", trouble));
    }
    for (key, _) in call.app.stats.models() {
        if models.iter().all(|model| model.key() != key) {
            let (name, version) = key.rsplit_once('-').unwrap_or((&key, ""));
            entries.push(IndexEntry::new(name, version, Some("unloaded".to_owned())));
        }
    }
    entries.retain(|entry| !only_ready || entry.state == "READY");
    entries
}

impl IndexEntry {
    fn new(name: &str, version: &str, trouble: Option<String>) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            state: if trouble.is_none() { "READY" } else { "UNAVAILABLE" },
            reason: trouble.unwrap_or_default(),
        }
    }
}

/// Loads a model of the configuration, or loads it again if it is served.
///
/// # Errors
/// `InvalidArgument` for parameters that would replace its configuration or files; the errors of loading.
pub(crate) async fn load(call: &Call, model: &str, parameters: &Parameters) -> Result<(), Error> {
    if let Some((name, _)) = parameters.iter().next() {
        let name = grps_core::quoted(name);
        let message = format!(
            "parameter {name} of loading is not supported: the configuration and the files of a \
             model are those of its service; change them there, then load it"
        );
        return Err(Error::invalid(message));
    }
    let is_served = call.app.engine.registry().resolve(&RouteQuery::named(model)).is_ok();
    run(call, if is_served { Action::Reload } else { Action::Load }, model).await
}

/// Takes a model out of service and frees its memory.
///
/// # Errors
/// `Unsupported` when models that it uses should be unloaded with it; the errors of unloading.
pub(crate) async fn unload(call: &Call, model: &str, parameters: &Parameters) -> Result<(), Error> {
    if parameters.flag("unload_dependents")? {
        let message = "unload_dependents is not supported: unload each model by its name";
        return Err(Error::invalid(message));
    }
    run(call, Action::Unload, model).await
}

async fn run(call: &Call, action: Action, model: &str) -> Result<(), Error> {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !(1..=MAX_NAME_BYTES).contains(&model.len()) || !model.bytes().all(is_valid) {
        let model = grps_core::quoted(model);
        return Err(Error::new(Cause::NotFound, format!("no model can be called {model}")));
    }
    if !call.app.engine.health().is_loaded() {
        return Err(lookup::not_loaded("the service is still loading its models"));
    }
    tracing::info!(peer = %call.peer, action = action.name(), model, "model command of the operator");
    call.app.commands.run(action, model.to_owned()).await.map(drop)
}
