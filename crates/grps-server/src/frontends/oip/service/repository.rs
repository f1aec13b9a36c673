//! The repository of models: what is in it, and loading and unloading.

use grps_core::{Cause, Error};
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
    for key in unloaded(call) {
        let (name, version) = split_key(&key);
        entries.push(IndexEntry::new(name, version, Some("unloaded".to_owned())));
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

/// Loads a model of the configuration, or loads it again if it is served. A name means all served
/// versions, or all unloaded ones if none is served.
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
    let served = served_keys(call, model);
    if !served.is_empty() {
        return run_all(call, Action::Reload, &served).await;
    }
    let unloaded: Vec<_> = unloaded(call)
        .into_iter()
        .filter(|key| key != model && split_key(key).0 == model)
        .collect();
    match unloaded.as_slice() {
        [] => run(call, Action::Load, model).await,
        keys => run_all(call, Action::Load, keys).await,
    }
}

/// The keys of the models that were served and are not.
fn unloaded(call: &Call) -> Vec<String> {
    let served = call.app.engine.registry().models();
    let known = call.app.stats.models().into_iter().map(|(key, _)| key);
    known.filter(|key| served.iter().all(|model| model.key() != *key)).collect()
}

/// The name and the version of a key.
fn split_key(key: &str) -> (&str, &str) {
    key.rsplit_once('-').unwrap_or((key, ""))
}

/// The keys of the served models that a name means: one version by its key, or all versions.
fn served_keys(call: &Call, model: &str) -> Vec<String> {
    let all = call.app.engine.registry().models();
    let keys = || all.iter().map(|one| one.key().to_owned());
    if keys().any(|key| key == model) {
        return vec![model.to_owned()];
    }
    all.iter().filter(|one| one.spec().name == model).map(|one| one.key().to_owned()).collect()
}

/// Runs an action on models one after the other; one that fails ends it.
async fn run_all(call: &Call, action: Action, keys: &[String]) -> Result<(), Error> {
    for key in keys {
        run(call, action, key).await?;
    }
    Ok(())
}

/// Takes a model out of service and frees its memory: all served versions of a name.
///
/// # Errors
/// `InvalidArgument` when models that it uses should be unloaded with it; the errors of unloading.
pub(crate) async fn unload(call: &Call, model: &str, parameters: &Parameters) -> Result<(), Error> {
    if parameters.flag("unload_dependents")? {
        let message = "unload_dependents is not supported: unload each model by its name";
        return Err(Error::invalid(message));
    }
    let served = served_keys(call, model);
    if served.is_empty() {
        return run(call, Action::Unload, model).await;
    }
    run_all(call, Action::Unload, &served).await
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
