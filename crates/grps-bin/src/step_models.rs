//! Step models, which plugins run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use grps_config::types::{ModelConfig, PreemptionKind, StepTextConfig};
use grps_core::{
    Executor, LoadStepModel, ModelSpec, NativeInstance, NestedCalls, Preemption, Signature,
    StepPolicy, StepText, StepsExecutor,
};
use grps_plugin::{DeclaredSlots, Library, StepShape};
use grps_text::{TokenText, TokenTextOptions, TokenizerSource};

use crate::loading::{Instances, devices_of_copies, stop_all};
use crate::plugin_models::{OpenedPlugin, open_plugin, settings_of};
use crate::signatures::describe;

/// What the copies of a step model are made by, in this process.
pub(crate) struct StepCopies {
    config: ModelConfig,
    folder: PathBuf,
    library: Arc<Library>,
    slots: DeclaredSlots,
    pub(crate) signature: Option<Signature>,
    /// Bytes of one row of all slots.
    pub(crate) row_bytes: usize,
    pub(crate) calls: Arc<NestedCalls>,
}

/// Loads the plugin of a step model.
pub(crate) fn step_copies(config: &ModelConfig, folder: &Path) -> Result<StepCopies, String> {
    let OpenedPlugin { library, signature, calls, .. } = open_plugin(config, folder)?;
    let slots = library.declared_slots(&settings_of(config, folder, None))?;
    let (config, folder, row_bytes) = (config.clone(), folder.to_owned(), slots.row_bytes());
    Ok(StepCopies { config, folder, library, slots, signature, row_bytes, calls })
}

impl StepCopies {
    /// What loads one of them, by its number and its device.
    pub(crate) fn load(&self, index: u32, device: Option<&str>) -> Result<LoadStepModel, String> {
        let policy = policy_of(&self.config, self.row_bytes);
        let shape = StepShape {
            slots: self.slots.clone(),
            rows: policy.max_slots,
            reads_in_parts: policy.max_chunk.is_some(),
        };
        let settings = settings_of(&self.config, &self.folder, device);
        let load = self.library.step_loader(&settings, index, &self.calls, shape);
        load.map_err(|error| error.to_string())
    }
}

/// The started copies of a step model, as [`crate::loading::LoadedModel`] has them.
pub(crate) struct StartedSteps {
    pub(crate) executor: Arc<dyn Executor>,
    pub(crate) instances: Instances,
    pub(crate) calls: Arc<NestedCalls>,
}

/// Starts the copies of a step model; `spec` gets what its plugin says of it.
pub(crate) fn load_steps(
    config: &ModelConfig,
    folder: &Path,
    spec: &mut ModelSpec,
) -> Result<StartedSteps, String> {
    let copies = step_copies(config, folder)?;
    let executor =
        steps_executor(config, folder, spec, (copies.signature.clone(), copies.row_bytes))?;
    match start_copies(&copies, &executor) {
        Ok(instances) => {
            Ok(StartedSteps { executor: Arc::new(executor), instances, calls: copies.calls })
        }
        Err(error) => {
            executor.close();
            Err(error)
        }
    }
}

/// What schedules the sequences of a step model, of which its copies say their signature and the
/// bytes of one row of all slots.
pub(crate) fn steps_executor(
    config: &ModelConfig,
    folder: &Path,
    spec: &mut ModelSpec,
    (signature, row_bytes): (Option<Signature>, usize),
) -> Result<StepsExecutor, String> {
    if let Some(signature) = signature {
        describe(spec, signature, false, &[])?;
    }
    let text = text_of(config, folder)?;
    Ok(StepsExecutor::with_text(spec, policy_of(config, row_bytes), text))
}

fn start_copies(copies: &StepCopies, executor: &StepsExecutor) -> Result<Instances, String> {
    let mut instances = Instances::new();
    for (index, device) in devices_of_copies(&copies.config) {
        let started = copies.load(index, device).and_then(|load| {
            let name = format!("{}#{index}", copies.config.key());
            let started = NativeInstance::start_steps(name, executor.queue(), load);
            started.map_err(|error| error.to_string())
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

/// What makes the text of sequences; `None` when clients get the outputs alone.
fn text_of(config: &ModelConfig, folder: &Path) -> Result<Option<Arc<dyn StepText>>, String> {
    let steps = config.batching.as_ref().and_then(|batching| batching.steps.as_ref());
    let Some(text) = steps.and_then(|steps| steps.text.clone()) else { return Ok(None) };
    let StepTextConfig { tokenizer, token_output, stop, skip_special_tokens } = text;
    let tokenizer = TokenizerSource::File(folder.join(tokenizer));
    let options = TokenTextOptions { tokenizer, token_output, stop, skip_special_tokens };
    let loaded = TokenText::load(options).map_err(|error| error.to_string())?;
    Ok(Some(Arc::new(loaded)))
}

/// How the sequences of a model are scheduled; as `native_steps` in `grps/server/models/model.py`.
fn policy_of(config: &ModelConfig, state_bytes: usize) -> StepPolicy {
    let base = StepPolicy {
        state_bytes,
        priority_levels: u8::try_from(config.queue.priority_levels).unwrap_or(u8::MAX),
        max_waiting: config.queue.max_length.unwrap_or(usize::MAX),
        ..StepPolicy::default()
    };
    let Some(batching) = &config.batching else { return base };
    let base = StepPolicy { max_slots: batching.max_batch_size, ..base };
    let Some(steps) = &batching.steps else { return base };
    StepPolicy {
        max_step_cost: steps.max_step_cost.unwrap_or(usize::MAX),
        max_chunk: steps.max_chunk,
        prefill_input: steps.prefill_input.clone(),
        max_state_bytes: steps.max_state_bytes.unwrap_or(usize::MAX),
        max_waiting_bytes: steps.max_waiting_bytes.unwrap_or(usize::MAX),
        max_steps: steps.max_steps,
        preemption: match steps.preemption {
            PreemptionKind::Save => Preemption::Save,
            PreemptionKind::Recompute => Preemption::Recompute,
            PreemptionKind::Never => Preemption::Never,
        },
        ..base
    }
}
