//! From the configuration of a model to its running copies.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use grps_config::Description;
use grps_config::types::{BatchingType, BatchingWait, Isolation, ModelConfig, ServerConfig};
use grps_core::{
    AutoPolicy, BatchPolicy, Executor, Identity, InlineExecutor, InputForm, LoadInferer, Model,
    ModelSpec, NativeInstance, NestedCalls, Objective, Padding, PulledExecutor, Queue, Signature,
    Wait,
};
use grps_engines::NativeEngine;

use crate::engine_models::engine_copies;
use crate::instances::Instance;
use crate::machine::usable_cpus;
use crate::plugin_models::plugin_copies;
use crate::process_models::{Apart, load_apart};
use crate::project::Project;
use crate::signatures::describe;
use crate::step_models::{StartedSteps, load_steps};
use crate::workers::WorkerStarter;

/// A model whose copies run.
pub(crate) struct LoadedModel {
    pub(crate) config: ModelConfig,
    /// Taken by the registry.
    pub(crate) model: Option<Model>,
    pub(crate) executor: Arc<dyn Executor>,
    pub(crate) instances: Instances,
    /// How its copies call other models.
    pub(crate) calls: Arc<NestedCalls>,
}

/// All instances of a model.
pub(crate) type Instances = Vec<Box<dyn Instance>>;

/// What the copies of a model are made by.
pub(crate) struct Copies {
    pub(crate) form: InputForm,
    pub(crate) signature: Option<Signature>,
    /// Where each runs, as its engine chose.
    pub(crate) places: Vec<String>,
    pub(crate) calls: Arc<NestedCalls>,
    /// Makes one of them, by its number and its device.
    pub(crate) load: LoadCopy,
}

/// Makes a copy of a model, by its number and its device.
pub(crate) type LoadCopy = Box<dyn Fn(u32, Option<&str>) -> Result<LoadInferer, String>>;

/// Loads all copies of a model of a project.
pub(crate) fn load_model(
    config: &ModelConfig,
    description: &Description,
    project: &Project,
    workers: &WorkerStarter,
) -> Result<LoadedModel, String> {
    let named = |error: String| format!("model {}: {error}", config.key());
    let mut spec = spec_of(config, description, &project.server);
    if config.is_native() {
        spec.form = InputForm::Message;
        let executor: Arc<dyn Executor> = Arc::new(InlineExecutor::new(Box::new(Identity)));
        let calls = Arc::new(NestedCalls::new(&config.key()));
        return Ok(loaded_model(config, spec, executor, (Vec::new(), calls)));
    }
    let processors = threads_of_a_run(&project.inference.models);
    if config.isolation == Isolation::Process {
        let apart = Apart { config, folder: &project.folder, processors };
        let (instances, executor) = load_apart(&apart, &mut spec, workers)?;
        let calls = Arc::new(NestedCalls::new(&config.key()));
        return Ok(loaded_model(config, spec, executor, (instances, calls)));
    }
    if config.makes_steps() {
        let loaded = load_steps(config, &project.folder, &mut spec);
        let StartedSteps { executor, instances, calls } = loaded.map_err(named)?;
        return Ok(loaded_model(config, spec, executor, (instances, calls)));
    }
    let copies = copies_of(config, &project.folder, processors);
    let Copies { form, signature, places, calls, load } = copies.map_err(named)?;
    spec.form = form;
    if let Some(signature) = signature {
        describe(&mut spec, signature, config.batching.is_none(), &places).map_err(named)?;
    }
    let pulled = PulledExecutor::new(&spec);
    match start_copies(config, form, pulled.queue(), &load) {
        Ok(instances) => Ok(loaded_model(config, spec, Arc::new(pulled), (instances, calls))),
        Err(error) => {
            pulled.close();
            Err(named(error))
        }
    }
}

fn start_copies(
    config: &ModelConfig,
    form: InputForm,
    queue: &Arc<Queue>,
    load: &LoadCopy,
) -> Result<Instances, String> {
    let mut instances = Instances::new();
    for (index, device) in devices_of_copies(config) {
        let started = load(index, device).and_then(|load| {
            let name = format!("{}#{index}", config.key());
            NativeInstance::start(name, queue, form, load).map_err(|error| error.to_string())
        });
        match started {
            Ok(instance) => instances.push(Box::new(instance)),
            Err(error) => {
                stop_all(&instances);
                return Err(error);
            }
        }
    }
    Ok(instances)
}

/// Ends the copies of a model of which another one can't be loaded.
pub(crate) fn stop_all(instances: &Instances) {
    for instance in instances {
        instance.stop(Duration::ZERO);
    }
}

/// What the copies of a model are made by, in this process.
pub(crate) fn copies_of(
    config: &ModelConfig,
    folder: &Path,
    processors: usize,
) -> Result<Copies, String> {
    match NativeEngine::named(&config.inferer_type) {
        Some(engine) => engine_copies(engine, config, folder, processors),
        None => plugin_copies(config, folder),
    }
}

/// The number of each copy of a model, and the device that it is on.
pub(crate) fn devices_of_copies(config: &ModelConfig) -> impl Iterator<Item = (u32, Option<&str>)> {
    let devices = config.devices();
    let copies = config.instances * u32::try_from(devices.len()).unwrap_or(1);
    (0..copies)
        .map(move |index| (index, devices.get(index as usize % devices.len()).copied().flatten()))
}

/// Processors for one run of an engine while all runs are in progress at once.
fn threads_of_a_run(models: &[ModelConfig]) -> usize {
    let engines = models.iter().filter(|model| NativeEngine::named(&model.inferer_type).is_some());
    let runs = engines.map(|model| model.instances as usize * model.devices().len()).sum::<usize>();
    (usable_cpus() / runs.max(1)).max(1)
}

pub(crate) fn loaded_model(
    config: &ModelConfig,
    spec: ModelSpec,
    executor: Arc<dyn Executor>,
    (instances, calls): (Instances, Arc<NestedCalls>),
) -> LoadedModel {
    let model = Some(Model::new(spec, Arc::clone(&executor)));
    LoadedModel { config: config.clone(), model, executor, instances, calls }
}

pub(crate) fn spec_of(
    config: &ModelConfig,
    description: &Description,
    server: &ServerConfig,
) -> ModelSpec {
    let hang_timeout_ms = server.health.hang_timeout_ms;
    let queue_timeout_ms = config.queue.timeout_ms;
    ModelSpec {
        language: None,
        text: None,
        transcriber: None,
        name: config.name.clone(),
        version: config.version.clone(),
        form: InputForm::Tensors,
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
    let Some(batching) = config.joining() else { return base };
    let objective = batching.slo.as_deref().and_then(Objective::parse);
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
        auto: (batching.kind == BatchingType::Auto).then_some(AutoPolicy { objective }),
        ..base
    }
}

fn in_order(sizes: &[usize]) -> Vec<usize> {
    let mut sizes = sizes.to_vec();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}
