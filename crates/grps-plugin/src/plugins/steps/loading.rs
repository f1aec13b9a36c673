//! From a class of a plugin to a step model of an instance.

use std::sync::Arc;

use grps_core::{LoadStepModel, NativeStepModel, NestedCalls};

use crate::plugins::abi::OK;
use crate::plugins::copy::{InfererSettings, SettingsError, Texts, create};
use crate::plugins::failure::{ErrorSlot, message_of};
use crate::plugins::library::{Library, PluginError};
use crate::plugins::steps::model::PluginSteps;
use crate::plugins::steps::slot_list::{DeclaredSlots, SlotList};
use crate::plugins::steps::slot_table::SlotTable;

/// What a copy of a step model is made for.
#[derive(Clone, Debug)]
pub struct StepShape {
    /// The slots that its class declares.
    pub slots: DeclaredSlots,
    /// Most sequences at once.
    pub rows: usize,
    /// Whether inputs are read in parts.
    pub reads_in_parts: bool,
}

impl Library {
    /// Checks that the batching of a model suits the class of this name: whether it is continuous,
    /// and whether inputs are read in parts then.
    ///
    /// # Errors
    /// It does not, or there is no such class.
    pub fn check_steps(
        &self,
        name: &str,
        is_continuous: bool,
        in_parts: bool,
    ) -> Result<(), PluginError> {
        let path = self.path().to_owned();
        let fault = match &self.class(name)?.steps {
            Some(_) if !is_continuous => {
                format!("inferer '{name}' is a step model; use batching.type continuous")
            }
            None if is_continuous => {
                format!("batching.type continuous needs a step model, but inferer '{name}' is none")
            }
            Some(steps) if in_parts && steps.prefill.is_none() => format!(
                "batching.steps.max_chunk needs a prefill function, which inferer '{name}' has not"
            ),
            _ => return Ok(()),
        };
        Err(PluginError::Broken { path, fault })
    }

    /// The slots that a class declares for a model; none for a class that makes no steps.
    ///
    /// # Errors
    /// Why it can't, as one line.
    pub fn declared_slots(&self, settings: &InfererSettings) -> Result<DeclaredSlots, String> {
        let class = self.class(&settings.inferer).map_err(|error| error.to_string())?;
        let declare = class.steps.and_then(|steps| steps.declare);
        let Some(declare) = declare else { return Ok(DeclaredSlots::default()) };
        let texts = Texts::new(self, settings).map_err(|error| error.to_string())?;
        let (list, errors) = (SlotList::default(), ErrorSlot::default());
        let passed = texts.settings(0);
        // SAFETY: the plugin's function takes these, which live until it returns.
        let status = unsafe { declare(&raw const passed, &raw const list, &raw const errors) };
        // A wrong call was before what the plugin made of it.
        let failure = list.errors.take().or_else(|| errors.take()).map(message_of);
        let fault = match failure {
            Some(failure) => failure,
            None if status != OK => format!("declare returned {status} without a reason"),
            None => return Ok(list.into_slots()),
        };
        Err(format!("inferer '{}': {fault}", settings.inferer))
    }

    /// Returns what creates a copy of a step model with so many rows, in the thread that runs it.
    ///
    /// # Errors
    /// The settings can't be passed on.
    pub fn step_loader(
        self: &Arc<Self>,
        settings: &InfererSettings,
        instance: u32,
        calls: &Arc<NestedCalls>,
        shape: StepShape,
    ) -> Result<LoadStepModel, SettingsError> {
        let texts = Texts::new(self, settings)?;
        let (library, name) = (Arc::clone(self), settings.inferer.clone());
        let (warms_up, calls) = (settings.warm_up, Arc::clone(calls));
        let StepShape { slots, rows, reads_in_parts } = shape;
        Ok(Arc::new(move || {
            let class = library.class(&name).map_err(|error| error.to_string())?;
            let steps = class.steps.ok_or_else(|| format!("inferer '{name}' makes no steps"))?;
            let made = || {
                let table = SlotTable::new(&slots, rows)?;
                let copy = create(class, &texts, instance)?;
                copy.warm_up(class.warm_up.filter(|_| warms_up))?;
                Ok::<_, String>(PluginSteps::new(steps, (table, reads_in_parts), copy, &calls))
            };
            let model = made().map_err(|fault| format!("inferer '{name}': {fault}"))?;
            Ok(Box::new(model) as Box<dyn NativeStepModel>)
        }))
    }
}
