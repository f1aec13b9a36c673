//! An inferer of a plugin, as native instances run it.

use std::ffi::{CString, c_void};
use std::sync::Arc;

use grps_core::{
    Cause, Error, Failure, LoadInferer, NativeBatch, NativeInferer, NestedCalls, Outputs,
};

use crate::crash::SignalStack;
use crate::plugins::abi::{Destroy, Infer, OK, Settings, WarmUp};
use crate::plugins::args::Args;
use crate::plugins::batch_run::BatchRun;
use crate::plugins::failure::{ErrorSlot, message_of};
use crate::plugins::library::{Class, Library};
use crate::plugins::signature::{PluginSignature, SignatureList};

/// What the copies of a model are created by.
#[derive(Clone, Debug)]
pub struct InfererSettings {
    /// The class of the plugin.
    pub inferer: String,
    /// `name-version` of the model.
    pub model: String,
    /// The project.
    pub folder: String,
    /// `device` of the configuration; empty without one.
    pub device: String,
    /// `inferer_args` as JSON.
    pub args: String,
    /// Whether a copy is warmed up before it is ready.
    pub warm_up: bool,
}

/// Settings that no plugin can get.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A text has a zero in it.
    #[error("{0} contains a zero byte")]
    Zero(&'static str),
    /// The arguments are not JSON.
    #[error("inferer_args: {0}")]
    Args(String),
}

/// The texts of settings as C has them.
struct Texts {
    model: CString,
    folder: CString,
    library: CString,
    device: CString,
    json: CString,
    args: Args,
}

/// A created inferer.
struct PluginInferer {
    infer: Infer,
    destroy: Destroy,
    /// Whether it takes the messages of single requests.
    takes_messages: bool,
    /// What it calls other models by.
    calls: Arc<NestedCalls>,
    inferer: *mut c_void,
    /// Where its thread reports a crash, also when the stack is full.
    _signals: Option<SignalStack>,
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
            let inferer = create(class, &texts, instance, &calls);
            let inferer = inferer.and_then(|inferer| match class.warm_up.filter(|_| warms_up) {
                Some(warm_up) => inferer.warm_up(warm_up),
                None => Ok(Box::new(inferer) as Box<dyn NativeInferer>),
            });
            inferer.map_err(|fault| format!("inferer '{name}': {fault}"))
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

impl Texts {
    /// What a function of the plugin gets.
    fn settings(&self, instance: u32) -> Settings {
        Settings {
            struct_size: size_of::<Settings>() as u32,
            instance,
            model: self.model.as_ptr(),
            folder: self.folder.as_ptr(),
            library: self.library.as_ptr(),
            device: self.device.as_ptr(),
            json: self.json.as_ptr(),
            args: &raw const self.args,
        }
    }

    fn new(library: &Library, settings: &InfererSettings) -> Result<Self, SettingsError> {
        let text = |text: &str, what| CString::new(text).map_err(|_| SettingsError::Zero(what));
        Ok(Self {
            model: text(&settings.model, "the model's name")?,
            folder: text(&settings.folder, "the project's path")?,
            library: text(&library.path().to_string_lossy(), "inferer_path")?,
            device: text(&settings.device, "device")?,
            json: text(&settings.args, "inferer_args")?,
            args: Args::parse(&settings.args).map_err(SettingsError::Args)?,
        })
    }
}

fn create(
    class: &Class,
    texts: &Texts,
    instance: u32,
    calls: &Arc<NestedCalls>,
) -> Result<PluginInferer, String> {
    let settings = texts.settings(instance);
    let signals = SignalStack::new();
    let errors = ErrorSlot::default();
    // SAFETY: the plugin's function takes these, and both live until it returns.
    let inferer = unsafe { (class.create)(&raw const settings, &raw const errors) };
    let failure = errors.take().map(message_of);
    if inferer.is_null() {
        return Err(failure.unwrap_or_else(|| "create returned NULL without a reason".to_owned()));
    }
    let created = PluginInferer {
        infer: class.infer,
        destroy: class.destroy,
        takes_messages: class.takes_messages,
        calls: Arc::clone(calls),
        inferer,
        _signals: signals,
    };
    failure.map_or(Ok(created), Err)
}

impl PluginInferer {
    /// Warms it up.
    fn warm_up(self, warm_up: WarmUp) -> Result<Box<dyn NativeInferer>, String> {
        let errors = ErrorSlot::default();
        // SAFETY: the plugin's function takes its own inferer, and what lives until it returns.
        let status = unsafe { warm_up(self.inferer, &raw const errors) };
        match errors.take().map(message_of) {
            Some(failure) => Err(format!("warm-up: {failure}")),
            None if status != OK => Err(format!("warm_up returned {status} without a reason")),
            None => Ok(Box::new(self)),
        }
    }
}

impl NativeInferer for PluginInferer {
    fn infer(&mut self, batch: &mut dyn NativeBatch) -> Result<Outputs, Failure> {
        let run = BatchRun::new(batch, self.takes_messages, &self.calls)?;
        // SAFETY: the plugin's function takes its own inferer, and what lives until it returns.
        let status =
            unsafe { (self.infer)(self.inferer, &raw const run, std::ptr::from_ref(run.errors())) };
        if status != OK {
            let message = format!("infer returned {status} without a reason");
            // The plugin's own reason, if it gave one, was first.
            run.errors().note(Error::new(Cause::ModelFailed, message).into());
        }
        run.finish()
    }
}

impl Drop for PluginInferer {
    fn drop(&mut self) {
        // SAFETY: it was created by this class, and is not used after this.
        unsafe { (self.destroy)(self.inferer) }
    }
}
