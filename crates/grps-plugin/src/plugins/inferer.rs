//! An inferer of a plugin, as native instances run it.

use std::ffi::{CString, c_void};
use std::sync::Arc;

use grps_core::{Cause, Error, Failure, LoadInferer, NativeBatch, NativeInferer, Outputs};

use crate::crash::SignalStack;
use crate::plugins::abi::{Destroy, Infer, OK, Settings};
use crate::plugins::args::Args;
use crate::plugins::batch_run::BatchRun;
use crate::plugins::failure::{ErrorSlot, message_of};
use crate::plugins::library::{Class, Library};

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
    ) -> Result<LoadInferer, SettingsError> {
        let texts = Texts::new(self, settings)?;
        let (library, name) = (Arc::clone(self), settings.inferer.clone());
        Ok(Arc::new(move || {
            let class = library.class(&name).map_err(|error| error.to_string())?;
            let inferer = create(class, &texts, instance);
            inferer.map_err(|fault| format!("inferer '{name}': {fault}"))
        }))
    }
}

impl Texts {
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

fn create(class: &Class, texts: &Texts, instance: u32) -> Result<Box<dyn NativeInferer>, String> {
    let settings = Settings {
        struct_size: size_of::<Settings>() as u32,
        instance,
        model: texts.model.as_ptr(),
        folder: texts.folder.as_ptr(),
        library: texts.library.as_ptr(),
        device: texts.device.as_ptr(),
        json: texts.json.as_ptr(),
        args: &raw const texts.args,
    };
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
        inferer,
        _signals: signals,
    };
    failure.map_or_else(|| Ok(Box::new(created) as Box<dyn NativeInferer>), Err)
}

impl NativeInferer for PluginInferer {
    fn infer(&mut self, batch: &mut dyn NativeBatch) -> Result<Outputs, Failure> {
        let run = BatchRun::new(batch, self.takes_messages)?;
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
