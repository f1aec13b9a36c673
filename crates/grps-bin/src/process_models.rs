//! Models whose copies run in processes of their own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use grps_config::types::ModelConfig;
use grps_core::{Executor, ModelSpec, PulledExecutor};

use crate::instances::Instance;
use crate::loading::{Instances, devices_of_copies};
use crate::signatures::describe;
use crate::step_models::steps_executor;
use crate::workers::{ProcessInstance, ServedQueue, WorkerCopy, WorkerStarter};

/// A model, and what its workers load it by.
pub(crate) struct Apart<'a> {
    pub(crate) config: &'a ModelConfig,
    /// The project.
    pub(crate) folder: &'a Path,
    /// The processors that one run of an engine may use.
    pub(crate) processors: usize,
}

impl Apart<'_> {
    fn copies(&self) -> impl Iterator<Item = WorkerCopy> {
        devices_of_copies(self.config).map(|(index, device)| WorkerCopy {
            folder: self.folder.to_owned(),
            model: ModelConfig { device: device.map(str::to_owned), ..self.config.clone() },
            index,
            processors: self.processors,
        })
    }

    /// The error of a worker with the name of the model, which those of loading have.
    fn named(&self, error: &str) -> String {
        let prefix = format!("model {}: ", self.config.key());
        format!("{prefix}{}", error.strip_prefix(&prefix).unwrap_or(error))
    }
}

/// Starts the workers of a model, which load their copies side by side, and lets them serve; `spec`
/// gets what the copies say of the model.
pub(crate) fn load_apart(
    model: &Apart<'_>,
    spec: &mut ModelSpec,
    workers: &WorkerStarter,
) -> Result<(Instances, Arc<dyn Executor>), String> {
    let instances: Vec<ProcessInstance> = model
        .copies()
        .map(|copy| ProcessInstance::new(workers.clone(), copy, spec.hang_timeout))
        .collect();
    match start(&instances, model, spec) {
        Ok(executor) => {
            let instances = instances.into_iter();
            Ok((
                instances.map(|instance| -> Box<dyn Instance> { Box::new(instance) }).collect(),
                executor,
            ))
        }
        Err(error) => {
            for instance in &instances {
                instance.stop(Duration::ZERO);
            }
            Err(model.named(&error))
        }
    }
}

fn start(
    instances: &[ProcessInstance],
    model: &Apart<'_>,
    spec: &mut ModelSpec,
) -> Result<Arc<dyn Executor>, String> {
    instances.iter().try_for_each(ProcessInstance::begin)?;
    let loaded = instances.iter().map(ProcessInstance::wait_loaded);
    let loaded = loaded.collect::<Result<Vec<_>, _>>()?;
    let first = loaded.first().ok_or("it has no instances")?;
    let Apart { config, folder, .. } = model;
    let (queue, executor): (_, Arc<dyn Executor>) = if config.makes_steps() {
        let said = (first.signature(), first.row_bytes);
        let steps = steps_executor(config, folder, spec, said)?;
        (ServedQueue::Steps(Arc::clone(steps.queue())), Arc::new(steps))
    } else {
        spec.form = first.form();
        if let Some(signature) = first.signature() {
            describe(spec, signature, config.batching.is_none(), &first.places)?;
        }
        let pulled = PulledExecutor::new(spec);
        (ServedQueue::Requests(Arc::clone(pulled.queue()), spec.form), Arc::new(pulled))
    };
    let started = instances.iter().try_for_each(|instance| instance.start(&queue));
    started.inspect_err(|_| executor.close())?;
    Ok(executor)
}
