//! A created copy of a model, whatever its class is, and what it is created by.

use std::ffi::{CString, c_void};

use crate::crash::SignalStack;
use crate::plugins::abi::{Destroy, OK, Settings, WarmUp};
use crate::plugins::args::Args;
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
pub(crate) struct Texts {
    model: CString,
    folder: CString,
    library: CString,
    device: CString,
    json: CString,
    args: Args,
}

/// A created inferer, which is destroyed when this is dropped.
pub(crate) struct CreatedCopy {
    destroy: Destroy,
    inferer: *mut c_void,
    /// Where its thread reports a crash, also when the stack is full.
    _signals: Option<SignalStack>,
}

impl Texts {
    pub(crate) fn new(
        library: &Library,
        settings: &InfererSettings,
    ) -> Result<Self, SettingsError> {
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

    /// What a function of the plugin gets.
    pub(crate) fn settings(&self, instance: u32) -> Settings {
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
}

/// Creates a copy.
pub(crate) fn create(class: &Class, texts: &Texts, instance: u32) -> Result<CreatedCopy, String> {
    let settings = texts.settings(instance);
    let signals = SignalStack::new();
    let errors = ErrorSlot::default();
    // SAFETY: the plugin's function takes these, and both live until it returns.
    let inferer = unsafe { (class.create)(&raw const settings, &raw const errors) };
    let failure = errors.take().map(message_of);
    if inferer.is_null() {
        return Err(failure.unwrap_or_else(|| "create returned NULL without a reason".to_owned()));
    }
    let created = CreatedCopy { destroy: class.destroy, inferer, _signals: signals };
    failure.map_or(Ok(created), Err)
}

impl CreatedCopy {
    /// What the plugin's functions get.
    pub(crate) fn inferer(&self) -> *mut c_void {
        self.inferer
    }

    /// Warms it up, if its class can.
    pub(crate) fn warm_up(&self, warm_up: Option<WarmUp>) -> Result<(), String> {
        let Some(warm_up) = warm_up else { return Ok(()) };
        let errors = ErrorSlot::default();
        // SAFETY: the plugin's function takes its own inferer, and what lives until it returns.
        let status = unsafe { warm_up(self.inferer, &raw const errors) };
        match errors.take().map(message_of) {
            Some(failure) => Err(format!("warm-up: {failure}")),
            None if status != OK => Err(format!("warm_up returned {status} without a reason")),
            None => Ok(()),
        }
    }
}

impl Drop for CreatedCopy {
    fn drop(&mut self) {
        // SAFETY: it was created by this class, and is not used after this.
        unsafe { (self.destroy)(self.inferer) }
    }
}
