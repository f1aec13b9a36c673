//! Loading a shim, and checking what it says of itself before any of it is used.

use std::ffi::CStr;
use std::mem::ManuallyDrop;
use std::path::Path;

use libloading::os::unix::{Library as Loaded, RTLD_LOCAL, RTLD_NOW};

use crate::crash;
use crate::engines::abi::{Close, Describe, EngineTable, Entry, Open, Run, VERSION};
use crate::plugins::abi::Text;
use crate::plugins::failure::{ErrorSlot, message_of};
use crate::plugins::host::HOST;
use crate::plugins::load_fault;

/// The function that a shim exports.
const ENTRY: &CStr = c"grps_engine_open";

/// A loaded shim. It is never unloaded: threads and destructors of its engine may run until the
/// process ends.
#[derive(Clone, Debug)]
pub struct EngineLibrary {
    title: String,
    pub(super) open: Open,
    pub(super) describe: Describe,
    pub(super) run: Run,
    pub(super) close: Close,
}

impl EngineLibrary {
    /// Loads the shim of an engine.
    ///
    /// # Errors
    /// Why not, as one line: it is missing, of another engine or version, or fails.
    pub fn open(path: &Path, engine: &str) -> Result<Self, String> {
        let failed = |fault: String| format!("{}: {fault}", path.display());
        crash::watch();
        // SAFETY: loading runs the constructors of the library, which was built for this program.
        let loaded = unsafe { Loaded::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
        let loaded = loaded
            .map_err(|error| failed(format!("it can't be loaded: {}", load_fault(path, &error))))?;
        let loaded = ManuallyDrop::new(loaded);
        // SAFETY: a function of this name has this type; that is the interface.
        let entry = unsafe { loaded.get::<Entry>(ENTRY.to_bytes_with_nul()) };
        let entry = entry.map_err(|_| failed("it is no engine: no grps_engine_open".to_owned()))?;
        let errors = ErrorSlot::default();
        // SAFETY: the table is static, and the errors live until the function returns.
        let table = unsafe { entry(&raw const HOST, &raw const errors) };
        if let Some(failure) = errors.take() {
            return Err(failed(message_of(failure)));
        }
        // SAFETY: it is null or a table, which lives until the process ends.
        unsafe { read(table, engine) }.map_err(failed)
    }

    /// The engine and its version, for people.
    pub fn title(&self) -> &str {
        &self.title
    }
}

/// Checks and reads a table.
///
/// # Safety
/// It is null or begins with its size and version, and is true if they are ours.
unsafe fn read(table: *const EngineTable, engine: &str) -> Result<EngineLibrary, String> {
    if table.is_null() {
        return Err("grps_engine_open returned NULL without a reason".to_owned());
    }
    // SAFETY: the caller guarantees two numbers.
    let [size, version] = unsafe { *table.cast::<[u32; 2]>() };
    if version != VERSION || (size as usize) < size_of::<EngineTable>() {
        return Err(format!("it is built for version {version} of the interface, not {VERSION}"));
    }
    // SAFETY: the table is of this version.
    let table = unsafe { *table };
    // SAFETY: the caller guarantees the texts.
    let (name, title) = unsafe { (text(table.name), text(table.title)) };
    if name != engine {
        return Err(format!("it is the engine '{name}', not '{engine}'"));
    }
    let missing = "a function of its table is NULL";
    let (open, describe) = table.open.zip(table.describe).ok_or(missing)?;
    let (run, close) = table.run.zip(table.close).ok_or(missing)?;
    Ok(EngineLibrary { title, open, describe, run, close })
}

/// A text that ends with a zero; empty when it is null.
///
/// # Safety
/// The pointer is null or such a text.
unsafe fn text(text: Text) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller guarantees the text.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
