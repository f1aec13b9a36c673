//! Models of plugins and identity models: from their configuration to running copies.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use grps_config::Description;
use grps_config::types::{BatchingType, BatchingWait, ModelConfig, ServerConfig};
use grps_core::{
    BatchPolicy, Executor, Identity, InlineExecutor, InputForm, Model, ModelSpec, NativeInstance,
    NestedCalls, Padding, PulledExecutor, Wait,
};
use grps_plugin::{InfererSettings, Library};
use serde::Serialize;
use serde_json::ser::Formatter;

use crate::signatures::{describe, signature_of};

/// A model whose copies run.
pub(crate) struct LoadedModel {
    pub(crate) config: ModelConfig,
    /// Taken by the registry.
    pub(crate) model: Option<Model>,
    pub(crate) executor: Arc<dyn Executor>,
    pub(crate) instances: Vec<NativeInstance>,
    /// How its copies call other models.
    pub(crate) calls: Arc<NestedCalls>,
}

/// Loads all copies of a model of the project in `folder`.
pub(crate) fn load_model(
    config: &ModelConfig,
    description: &Description,
    folder: &Path,
    server: &ServerConfig,
) -> Result<LoadedModel, String> {
    let named = |error: String| format!("model {}: {error}", config.key());
    if config.is_native() {
        let spec = spec_of(config, description, InputForm::Message, server);
        let executor: Arc<dyn Executor> = Arc::new(InlineExecutor::new(Box::new(Identity)));
        return Ok(loaded(config, spec, executor, Vec::new()));
    }
    let path = folder.join(config.inferer_path.as_deref().unwrap_or_default());
    let path: PathBuf = path.components().collect(); // without "."
    let inferer = config.inferer_name.clone().unwrap_or_default();
    let library = Library::open(&path).map_err(|error| named(error.to_string()))?;
    let form = library.form_of(&inferer).map_err(|error| named(error.to_string()))?;
    check_form(config, form).map_err(named)?;
    tracing::info!("model {} is run by plugin {}", config.key(), library.title());
    let described = library.describe(&settings_of(config, folder, None)).map_err(named)?;
    let mut spec = spec_of(config, description, form, server);
    if let Some(described) = described {
        describe(&mut spec, signature_of(described), config.batching.is_none()).map_err(named)?;
    }
    let (library, calls) = (Arc::new(library), Arc::new(NestedCalls::new(&config.key())));
    let pulled = PulledExecutor::new(&spec);
    let queue = Arc::clone(pulled.queue());
    let devices = config.devices();
    let mut instances = Vec::new();
    for index in 0..config.instances * u32::try_from(devices.len()).unwrap_or(1) {
        let device = devices.get(index as usize % devices.len()).copied().flatten();
        let settings = settings_of(config, folder, device);
        let started = library.loader(&settings, index, &calls).map_err(|error| error.to_string());
        let started = started.and_then(|load| {
            let name = format!("{}#{index}", config.key());
            NativeInstance::start(name, &queue, form, load).map_err(|error| error.to_string())
        });
        match started {
            Ok(instance) => instances.push(instance),
            Err(error) => {
                pulled.close();
                for instance in &instances {
                    instance.stop(Duration::ZERO);
                }
                return Err(named(error));
            }
        }
    }
    Ok(LoadedModel { calls, ..loaded(config, spec, Arc::new(pulled), instances) })
}

fn loaded(
    config: &ModelConfig,
    spec: ModelSpec,
    executor: Arc<dyn Executor>,
    instances: Vec<NativeInstance>,
) -> LoadedModel {
    let model = Some(Model::new(spec, Arc::clone(&executor)));
    let calls = Arc::new(NestedCalls::new(&config.key()));
    LoadedModel { config: config.clone(), model, executor, instances, calls }
}

fn check_form(config: &ModelConfig, form: InputForm) -> Result<(), String> {
    let shapes = config
        .batching
        .as_ref()
        .is_some_and(|batching| !batching.allowed_sizes.is_empty() || batching.padding.is_some());
    if shapes && form == InputForm::Message {
        let inferer = config.inferer_name.as_deref().unwrap_or_default();
        return Err(format!(
            "allowed_sizes and padding need tensors, but inferer '{inferer}' takes whole messages; \
             leave them out"
        ));
    }
    Ok(())
}

fn settings_of(config: &ModelConfig, folder: &Path, device: Option<&str>) -> InfererSettings {
    let args = config.inferer_args.clone().unwrap_or_default();
    InfererSettings {
        inferer: config.inferer_name.clone().unwrap_or_default(),
        model: config.key(),
        folder: folder.display().to_string(),
        device: device.unwrap_or_default().to_owned(),
        args: spaced(&serde_json::Value::Object(args)),
        warm_up: config.warm_up,
    }
}

/// JSON with spaces behind commas and colons, as Python writes it.
fn spaced(value: &serde_json::Value) -> String {
    let mut text = Vec::new();
    let mut writer = serde_json::Serializer::with_formatter(&mut text, Spaced);
    // Nothing fails in memory.
    let _ = value.serialize(&mut writer);
    String::from_utf8_lossy(&text).into_owned()
}

/// The layout of [`spaced`].
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> std::io::Result<()> {
        out.write_all(b": ")
    }
}

fn spec_of(
    config: &ModelConfig,
    description: &Description,
    form: InputForm,
    server: &ServerConfig,
) -> ModelSpec {
    let hang_timeout_ms = server.health.hang_timeout_ms;
    let queue_timeout_ms = config.queue.timeout_ms;
    ModelSpec {
        name: config.name.clone(),
        version: config.version.clone(),
        form,
        signature: None,
        metadata: description.yaml.clone(),
        description: description.json.clone(),
        raw_body: None,
        batching: policy_of(config),
        queue_timeout: (queue_timeout_ms > 0).then(|| Duration::from_millis(queue_timeout_ms)),
        hang_timeout: (hang_timeout_ms > 0).then(|| Duration::from_millis(hang_timeout_ms)),
    }
}

fn policy_of(config: &ModelConfig) -> BatchPolicy {
    let base = BatchPolicy {
        priority_levels: config.queue.priority_levels,
        max_length: config.queue.max_length.unwrap_or(usize::MAX),
        ..BatchPolicy::default()
    };
    let batching = config.batching.as_ref();
    let Some(batching) = batching.filter(|batching| batching.kind == BatchingType::Dynamic) else {
        return base;
    };
    let always = batching.wait == BatchingWait::Always;
    BatchPolicy {
        max_rows: batching.max_batch_size,
        wait: if always { Wait::Always } else { Wait::WhenBusy },
        window: Duration::from_micros(batching.batch_timeout_us),
        preferred: in_order(&batching.preferred_sizes),
        allowed: in_order(&batching.allowed_sizes),
        padding: batching.padding.as_ref().map(|padding| Padding {
            axes: padding.axes.clone(),
            sizes: in_order(&padding.sizes),
            max_waste: padding.max_waste_percent as f64 / 100.0,
            cut_outputs: padding.cut_outputs,
        }),
        ..base
    }
}

fn in_order(sizes: &[usize]) -> Vec<usize> {
    let mut sizes = sizes.to_vec();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}
