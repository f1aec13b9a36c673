//! An inferer of a plugin, as native instances run it.

use std::sync::Arc;

use grps_core::{
    Cause, Error, Failure, LoadInferer, NativeBatch, NativeInferer, NestedCalls, Outputs,
};

use crate::plugins::abi::{Infer, OK};
use crate::plugins::batch_run::BatchRun;
use crate::plugins::copy::{CreatedCopy, InfererSettings, SettingsError, Texts, create};
use crate::plugins::failure::{ErrorSlot, message_of};
use crate::plugins::library::Library;
use crate::plugins::signature::{PluginSignature, SignatureList};

/// A created inferer.
struct PluginInferer {
    infer: Infer,
    /// Whether it takes the messages of single requests.
    takes_messages: bool,
    /// What it calls other models by.
    calls: Arc<NestedCalls>,
    copy: CreatedCopy,
}

impl Library {
    /// Returns what creates a copy of a model, in the thread that runs it.
    ///
    /// # Errors
    /// The settings can't be passed on.
    pub fn loader(
        self: &Arc<Self>,
        settings: &InfererSettings,
        instance: u32,
        calls: &Arc<NestedCalls>,
    ) -> Result<LoadInferer, SettingsError> {
        let texts = Texts::new(self, settings)?;
        let (library, name) = (Arc::clone(self), settings.inferer.clone());
        let (warms_up, calls) = (settings.warm_up, Arc::clone(calls));
        Ok(Arc::new(move || {
            let class = library.class(&name).map_err(|error| error.to_string())?;
            let infer = class.infer.ok_or_else(|| format!("inferer '{name}' makes steps"))?;
            let made = || {
                let copy = create(class, &texts, instance)?;
                copy.warm_up(class.warm_up.filter(|_| warms_up))?;
                Ok::<_, String>(copy)
            };
            let copy = made().map_err(|fault| format!("inferer '{name}': {fault}"))?;
            let (takes_messages, calls) = (class.takes_messages, Arc::clone(&calls));
            let inferer = PluginInferer { infer, takes_messages, calls, copy };
            Ok(Box::new(inferer) as Box<dyn NativeInferer>)
        }))
    }
}

impl Library {
    /// What a class says of the inputs and outputs of a model; `None` when it says nothing.
    ///
    /// # Errors
    /// Why it can't, as one line.
    pub fn describe(&self, settings: &InfererSettings) -> Result<Option<PluginSignature>, String> {
        let class = self.class(&settings.inferer).map_err(|error| error.to_string())?;
        let Some(describe) = class.describe else { return Ok(None) };
        let texts = Texts::new(self, settings).map_err(|error| error.to_string())?;
        let (list, errors) = (SignatureList::default(), ErrorSlot::default());
        let passed = texts.settings(0);
        // SAFETY: the plugin's function takes these, which live until it returns.
        let status = unsafe { describe(&raw const passed, &raw const list, &raw const errors) };
        // A wrong call was before what the plugin made of it.
        let failure = list.errors.take().or_else(|| errors.take()).map(message_of);
        let fault = match failure {
            Some(failure) => failure,
            None if status != OK => format!("describe returned {status} without a reason"),
            None => {
                let signature = list.into_signature();
                return Ok(Some(signature).filter(|signature| !signature.inputs.is_empty()));
            }
        };
        Err(format!("inferer '{}': {fault}", settings.inferer))
    }
}

impl NativeInferer for PluginInferer {
    fn infer(&mut self, batch: &mut dyn NativeBatch) -> Result<Outputs, Failure> {
        let run = BatchRun::new(batch, self.takes_messages, &self.calls)?;
        let inferer = self.copy.inferer();
        // SAFETY: the plugin's function takes its own inferer, and what lives until it returns.
        let status =
            unsafe { (self.infer)(inferer, &raw const run, std::ptr::from_ref(run.errors())) };
        if status != OK {
            let message = format!("infer returned {status} without a reason");
            // The plugin's own reason, if it gave one, was first.
            run.errors().note(Error::new(Cause::ModelFailed, message).into());
        }
        run.finish()
    }
}
