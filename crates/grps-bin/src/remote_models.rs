//! Models that run in other services.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use grps_config::types::{InferenceConfig, ModelConfig, RemoteConfig};
use grps_core::{Executor, ModelSpec, NestedCalls};
use grps_remote::{ServiceSettings, Services};

use crate::loading::{LoadedModel, loaded_model};
use crate::signatures::describe;
use crate::stopping::StopRequest;

/// How long a service is waited for between two looks at what else happens.
const STEP: Duration = Duration::from_millis(100);
/// How long it is waited for without a line in the log.
const QUIET: Duration = Duration::from_secs(1);
/// Longest wait for it while the service serves already.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The services of a project; paths in their configuration are relative to its folder.
pub(crate) fn services(inference: &InferenceConfig, folder: &Path) -> Result<Services, String> {
    let settings: Result<Vec<_>, String> = inference
        .services
        .iter()
        .map(|service| {
            let value = serde_json::to_value(service).map_err(|error| error.to_string())?;
            let settings = serde_json::from_value::<ServiceSettings>(value);
            let mut settings = settings.map_err(|error| error.to_string())?;
            if let Some(tls) = &mut settings.tls {
                tls.ca = folder.join(&tls.ca);
                tls.certificate = tls.certificate.as_ref().map(|path| folder.join(path));
                tls.key = tls.key.as_ref().map(|path| folder.join(path));
            }
            settings.api_key_file = settings.api_key_file.map(|path| folder.join(path));
            Ok(settings)
        })
        .collect();
    Services::new(settings?)
}

/// A model whose service is waited for.
pub(crate) struct RemoteModels {
    /// The services of the project, as it was when the process started.
    pub(crate) services: Arc<Services>,
    /// Ends the wait.
    pub(crate) stop: Arc<StopRequest>,
}

impl RemoteModels {
    /// Makes a model once its service tells of it; `None` when the process is asked to stop before.
    pub(crate) fn load(
        &self,
        config: &ModelConfig,
        remote: &RemoteConfig,
        mut spec: ModelSpec,
        limit: Option<Duration>,
    ) -> Result<Option<LoadedModel>, String> {
        let key = config.key();
        let named = |error: String| format!("model {key}: {error}");
        let model = remote.model.as_deref().unwrap_or(&key);
        let executor = self.services.executor(&remote.service, model, &key).map_err(named)?;
        let (began, mut reported) = (Instant::now(), String::new());
        let facts = loop {
            if let Some(facts) = executor.wait_for_facts(STEP) {
                break facts;
            }
            let trouble = executor.trouble().unwrap_or_default();
            if self.stop.requested.is_set() || limit.is_some_and(|limit| began.elapsed() > limit) {
                executor.close();
                return if limit.is_some() { Err(trouble) } else { Ok(None) };
            }
            if began.elapsed() > QUIET && trouble != reported {
                tracing::warn!("waiting: {trouble}");
                reported = trouble;
            }
        };
        spec.form = facts.form;
        if let Some(signature) = facts.signature {
            describe(&mut spec, signature, false, &[]).map_err(named)?;
        }
        let calls = Arc::new(NestedCalls::new(&key));
        Ok(Some(loaded_model(config, spec, Arc::new(executor), (Vec::new(), calls))))
    }
}
