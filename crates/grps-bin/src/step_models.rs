//! Step models, which plugins run.

use std::path::Path;
use std::sync::Arc;

use grps_config::types::{ModelConfig, PreemptionKind, StepTextConfig};
use grps_core::{
    Executor, ModelSpec, NativeInstance, NestedCalls, Preemption, StepPolicy, StepText,
    StepsExecutor,
};
use grps_text::{TokenText, TokenTextOptions, TokenizerSource};

use crate::loading::{Instances, devices_of_copies, stop_all};
use crate::plugin_models::{OpenedPlugin, open_plugin, settings_of};
use crate::signatures::describe;

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
    let plugin = open_plugin(config, folder)?;
    let slots = plugin.library.declared_slots(&settings_of(config, folder, None))?;
    if let Some(signature) = plugin.signature.clone() {
        describe(spec, signature, false, &[])?;
    }
    let text = text_of(config, folder)?;
    let executor = StepsExecutor::with_text(spec, policy_of(config, slots.row_bytes()), text);
    match start_copies(config, folder, &plugin, &executor) {
        Ok(instances) => {
            Ok(StartedSteps { executor: Arc::new(executor), instances, calls: plugin.calls })
        }
        Err(error) => {
            executor.close();
            Err(error)
        }
    }
}

fn start_copies(
    config: &ModelConfig,
    folder: &Path,
    plugin: &OpenedPlugin,
    executor: &StepsExecutor,
) -> Result<Instances, String> {
    let mut instances = Instances::new();
    let rows = executor.queue().policy().max_slots;
    for (index, device) in devices_of_copies(config) {
        let start = || {
            let settings = settings_of(config, folder, device);
            let slots = plugin.library.declared_slots(&settings)?;
            let load = plugin.library.step_loader(&settings, index, &plugin.calls, (&slots, rows));
            let load = load.map_err(|error| error.to_string())?;
            let name = format!("{}#{index}", config.key());
            let started = NativeInstance::start_steps(name, executor.queue(), load);
            started.map_err(|error| error.to_string())
        };
        match start() {
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
