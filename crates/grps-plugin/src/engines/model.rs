//! A copy of a model that a shim has loaded.

use std::ffi::{CString, c_void};
use std::path::PathBuf;
use std::sync::Arc;

use grps_core::{Cause, Content, Elements, Error, Failure, Signature, Tensor};
use serde_json::Value;

use crate::engines::abi::{Settings, SignatureView};
use crate::engines::library::EngineLibrary;
use crate::engines::signature;
use crate::plugins::abi::OK;
use crate::plugins::args::Args;
use crate::plugins::failure::{ErrorSlot, message_of};
use crate::plugins::outputs::OutputList;
use crate::plugins::view::{Strings, view_of};

/// What a copy of a model is loaded by.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// The file.
    pub path: PathBuf,
    /// Where it runs, such as `cpu` or `cuda:0`.
    pub device: String,
    /// The processors that a run may keep busy.
    pub threads: usize,
    /// The checked arguments of the model.
    pub args: Value,
}

/// One loaded copy, which one thread at a time runs.
#[derive(Debug)]
pub struct EngineModel {
    library: EngineLibrary,
    model: *mut c_void,
    signature: Signature,
    notes: Vec<String>,
}

// SAFETY: the interface allows any thread to call the functions, one at a time.
unsafe impl Send for EngineModel {}

impl EngineModel {
    /// Loads a copy.
    ///
    /// # Errors
    /// Why not, as one line.
    pub fn open(library: &EngineLibrary, settings: &EngineSettings) -> Result<Self, String> {
        let zero = |_| "a path or device with a zero byte".to_owned();
        let path = CString::new(settings.path.as_os_str().as_encoded_bytes()).map_err(zero)?;
        let device = CString::new(settings.device.as_str()).map_err(zero)?;
        let args = Args::new(settings.args.clone());
        let passed = Settings {
            struct_size: size_of::<Settings>() as u32,
            threads: u32::try_from(settings.threads).unwrap_or(u32::MAX).max(1),
            path: path.as_ptr(),
            device: device.as_ptr(),
            args: &raw const args,
        };
        let errors = ErrorSlot::default();
        // SAFETY: the shim's function takes these, which live until it returns.
        let model = unsafe { (library.open)(&raw const passed, &raw const errors) };
        let failure = errors.take().map(message_of);
        if model.is_null() {
            return Err(failure.unwrap_or_else(|| "open returned NULL without a reason".to_owned()));
        }
        let naming = grps_core::Naming::Advisory;
        let signature = Signature { inputs: Vec::new(), outputs: Vec::new(), naming };
        let mut opened = Self { library: library.clone(), model, signature, notes: Vec::new() };
        (opened.signature, opened.notes) = opened.describe()?;
        failure.map_or(Ok(opened), Err)
    }

    /// Its inputs and outputs.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// What else the shim says, for the part of the host that knows the engine.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Runs it once, on inputs in the order of the signature.
    ///
    /// # Errors
    /// What the shim says: its texts are those of the engine.
    pub fn run(&mut self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Failure> {
        let strings: Vec<_> = inputs.iter().map(strings_of).collect();
        let views: Vec<_> = inputs
            .iter()
            .zip(&strings)
            .map(|(input, strings)| view_of(input, strings.as_ref()))
            .collect();
        let errors = Arc::new(ErrorSlot::default());
        let outputs = OutputList::new(&errors);
        // SAFETY: the shim's function takes its own model, and what lives until it returns.
        let status = unsafe {
            let count = views.len() as u64;
            let (list, errors) = (&raw const outputs, Arc::as_ptr(&errors));
            (self.library.run)(self.model, views.as_ptr(), count, list, errors)
        };
        if status != OK {
            // The shim's own reason, if it gave one, was first.
            errors.note_wrong_call(format!("run returned {status} without a reason"));
        }
        if let Some(failure) = errors.take() {
            return Err(failure);
        }
        match outputs.take()? {
            None => Ok(Vec::new()),
            Some(Content::Tensors(tensors)) => Ok(tensors),
            Some(_) => Err(Error::new(Cause::ModelFailed, "the outputs are no tensors").into()),
        }
    }

    fn describe(&self) -> Result<(Signature, Vec<String>), String> {
        let none = std::ptr::null();
        let struct_size = size_of::<SignatureView>() as u32;
        let mut view = SignatureView {
            struct_size,
            flags: 0,
            inputs: none,
            input_count: 0,
            outputs: none,
            output_count: 0,
            notes: std::ptr::null(),
            note_count: 0,
        };
        let errors = ErrorSlot::default();
        // SAFETY: the shim's function takes its own model, and what lives until it returns.
        let status =
            unsafe { (self.library.describe)(self.model, &raw mut view, &raw const errors) };
        match errors.take().map(message_of) {
            Some(failure) => Err(failure),
            None if status != OK => Err(format!("describe returned {status} without a reason")),
            // SAFETY: the shim has filled it in, and it is valid until the model is closed.
            None => unsafe { signature::read(&view) },
        }
    }
}

impl Drop for EngineModel {
    fn drop(&mut self) {
        // SAFETY: this shim has loaded it, and it is not used after this.
        unsafe { (self.library.close)(self.model) }
    }
}

fn strings_of(tensor: &Tensor) -> Option<Strings> {
    match tensor.elements() {
        Elements::String(strings) => Some(Strings::of(strings)),
        _ => None,
    }
}
