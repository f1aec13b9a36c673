//! Loading a plugin, and checking what it says of itself before any of it is used.

use std::ffi::CStr;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::path::{Path, PathBuf};

use grps_core::InputForm;
use libloading::os::unix::{Library as Loaded, RTLD_LOCAL, RTLD_NOW};

use crate::crash;
use crate::plugins::abi::{
    Begin, CLASS_SIZE, Create, Declare, Describe, Destroy, End, Infer, InfererClass, MAJOR, MINOR,
    Open, PluginTable, Prefill, Step, StepClass, TAKES_MESSAGES, Text, WarmUp,
};
use crate::plugins::failure::{ErrorSlot, message_of};
use crate::plugins::host::HOST;

/// The function that a plugin exports.
const ENTRY: &CStr = c"grps_plugin_open";
/// Maximum number of classes of a plugin.
const MAX_CLASSES: u32 = 1024;
/// Maximum length of a class's name.
const MAX_NAME: usize = 128;

/// A plugin that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The file does not exist.
    #[error("{0}: no such file; build the plugin first")]
    Missing(PathBuf),
    /// The system's loader refuses it.
    #[error("{path}: it can't be loaded: {fault}")]
    Load {
        /// The file.
        path: PathBuf,
        /// What the loader says.
        fault: String,
    },
    /// It is a library of another kind.
    #[error(
        "{0}: it exports no grps_plugin_open, so it is no plugin of GRPS; the macro GRPS_PLUGIN of \
         grps/plugin.hpp defines it"
    )]
    NoEntry(PathBuf),
    /// It was compiled against another version of the header.
    #[error("{path}: it is made for version {theirs} of the plugin interface, {fix}")]
    Version {
        /// The file.
        path: PathBuf,
        /// The version of the plugin.
        theirs: String,
        /// What to do, and the version of this service.
        fix: String,
    },
    /// What it returned breaks the rules of the interface, or it failed.
    #[error("{path}: {fault}")]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: String,
    },
    /// It has no inferer of this name.
    #[error("{path}: it has no inferer '{name}'; it has: {known}")]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
        /// What it has.
        known: String,
    },
}

/// A loaded plugin. It is never unloaded: threads and destructors of it may run until the process
/// ends.
#[derive(Debug)]
pub struct Library {
    path: PathBuf,
    /// Its name and version, for people.
    title: String,
    classes: Vec<Class>,
}

/// A checked class of inferers.
#[derive(Debug)]
pub(crate) struct Class {
    name: String,
    pub(crate) create: Create,
    /// `None` for a class that makes steps only.
    pub(crate) infer: Option<Infer>,
    pub(crate) destroy: Destroy,
    pub(crate) describe: Option<Describe>,
    pub(crate) warm_up: Option<WarmUp>,
    /// Whether it takes the messages of single requests.
    pub(crate) takes_messages: bool,
    /// How it makes steps; `None` for a class that takes requests as a whole.
    pub(crate) steps: Option<StepFunctions>,
}

/// The checked functions of a class that makes steps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepFunctions {
    pub(crate) declare: Option<Declare>,
    pub(crate) begin: Begin,
    pub(crate) prefill: Option<Prefill>,
    pub(crate) step: Step,
    pub(crate) end: End,
}

impl Library {
    /// Loads a plugin. The path has a slash: the loader looks for other names in folders of its own.
    ///
    /// # Errors
    /// It is missing, is no plugin, is made for another version, fails, or breaks the rules.
    pub fn open(path: &Path) -> Result<Self, PluginError> {
        if !path.exists() {
            return Err(PluginError::Missing(path.to_owned()));
        }
        crash::watch();
        // SAFETY: loading runs the constructors of the library, which whoever starts the service
        // trusts as they trust the rest of their project.
        let loaded = unsafe { Loaded::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
        let loaded = loaded.map_err(|error| load_error(path, &error))?;
        let loaded = ManuallyDrop::new(loaded);
        // SAFETY: a function of this name has this type; that is the interface.
        let entry = unsafe { loaded.get::<Open>(ENTRY.to_bytes_with_nul()) };
        let entry = entry.map_err(|_| PluginError::NoEntry(path.to_owned()))?;
        let errors = ErrorSlot::default();
        // SAFETY: the table is static, and the errors live until the function returns.
        let table = unsafe { entry(&raw const HOST, &raw const errors) };
        let broken = |fault: String| PluginError::Broken { path: path.to_owned(), fault };
        if let Some(failure) = errors.take() {
            return Err(broken(format!("grps_plugin_open: {}", message_of(failure))));
        }
        if table.is_null() {
            return Err(broken("grps_plugin_open returned NULL without a reason".to_owned()));
        }
        // SAFETY: it begins with its size and version, whatever the version is.
        let table = unsafe { read_table(path, table) }?;
        // SAFETY: the table is of this version.
        let (title, classes) = unsafe { read_classes(&table) }.map_err(broken)?;
        Ok(Self { path: path.to_owned(), title, classes })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its name and version, for people.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The form in which the inferer of this name takes its input.
    ///
    /// # Errors
    /// It has none; the error names those that it has.
    pub fn form_of(&self, name: &str) -> Result<InputForm, PluginError> {
        let class = self.class(name)?;
        Ok(if class.takes_messages { InputForm::Message } else { InputForm::Tensors })
    }

    /// The class of inferers of this name.
    pub(crate) fn class(&self, name: &str) -> Result<&Class, PluginError> {
        self.classes.iter().find(|class| class.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.classes.iter().map(|class| class.name.as_str()).collect();
            let (path, name) = (self.path.clone(), name.to_owned());
            PluginError::Unknown { path, name, known: known.join(", ") }
        })
    }
}

fn load_error(path: &Path, error: &libloading::Error) -> PluginError {
    PluginError::Load { path: path.to_owned(), fault: load_fault(path, error) }
}

/// What the loader says, without the path that it may begin with.
pub(crate) fn load_fault(path: &Path, error: &libloading::Error) -> String {
    let mut fault = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        fault = source.to_string();
    }
    let prefix = format!("{}: ", path.display());
    fault.strip_prefix(&prefix).unwrap_or(&fault).to_owned()
}

/// Checks the version of a table, and reads it.
///
/// # Safety
/// The table has as many bytes as its first number says, and its version behind it.
unsafe fn read_table(path: &Path, table: *const PluginTable) -> Result<PluginTable, PluginError> {
    let head: *const u32 = table.cast();
    // SAFETY: the caller guarantees the head of every version.
    let (size, major, minor) = unsafe { (*head, *head.add(1), *head.add(2)) };
    if (major, minor) != (MAJOR, MINOR) && (major != MAJOR || minor > MINOR) {
        let is_older = major < MAJOR;
        let fix = if is_older {
            format!(
                "which is older than {MAJOR}.{MINOR}; build it again with this version's header"
            )
        } else {
            format!(
                "which is newer than {MAJOR}.{MINOR}; update GRPS, or build it again with this \
                 version's header"
            )
        };
        let theirs = format!("{major}.{minor}");
        return Err(PluginError::Version { path: path.to_owned(), theirs, fix });
    }
    if (size as usize) < size_of::<PluginTable>() {
        let fault =
            format!("struct_size of its table is {size}, not {} or more", size_of::<PluginTable>());
        return Err(PluginError::Broken { path: path.to_owned(), fault });
    }
    // SAFETY: it has at least these fields.
    Ok(unsafe { *table })
}

/// Checks and reads the classes of a table, and its name and version.
///
/// # Safety
/// The pointers of the table are null or true.
unsafe fn read_classes(table: &PluginTable) -> Result<(String, Vec<Class>), String> {
    // SAFETY: the caller guarantees the texts.
    let (name, version) = unsafe { (text(table.name), text(table.version)) };
    let name = name.ok_or("the name of its table is NULL or not UTF-8")?;
    let version = version.ok_or("the version of its table is NULL or not UTF-8")?;
    let count = table.inferer_count;
    if count == 0 || count > MAX_CLASSES {
        return Err(format!("its table has {count} inferers; 1 to {MAX_CLASSES} are allowed"));
    }
    if table.inferers.is_null() {
        return Err("the list of inferers of its table is NULL".to_owned());
    }
    let mut classes: Vec<Class> = Vec::new();
    for index in 0..count as usize {
        // SAFETY: the caller guarantees as many classes.
        let class = unsafe { read_class(*table.inferers.add(index)) };
        let class = class.map_err(|fault| format!("inferer {index} of its table: {fault}"))?;
        if classes.iter().any(|other| other.name == class.name) {
            return Err(format!("two inferers of its table are called '{}'", class.name));
        }
        classes.push(class);
    }
    Ok((format!("{name} {version}"), classes))
}

/// Checks and reads a class.
///
/// # Safety
/// The pointer is null or true, and so are those of the class.
unsafe fn read_class(class: *const InfererClass) -> Result<Class, String> {
    // SAFETY: the caller guarantees a class, which begins with its size.
    let size = unsafe { class.cast::<u32>().as_ref() };
    let size = *size.ok_or("it is NULL")?;
    if (size as usize) < CLASS_SIZE {
        return Err(format!("its struct_size is {size}, not {CLASS_SIZE} or more"));
    }
    // SAFETY: zeroes are a class without functions, and those that an older version has are copied.
    let class = unsafe {
        let mut known = MaybeUninit::<InfererClass>::zeroed();
        let length = (size as usize).min(size_of::<InfererClass>());
        known.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(class.cast(), length);
        known.assume_init()
    };
    // SAFETY: the caller guarantees the text.
    let name = unsafe { text(class.name) }.ok_or("its name is NULL or not UTF-8")?;
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(is_allowed) {
        return Err(format!(
            "its name {name:?} is not 1 to {MAX_NAME} letters, digits, '.', '_' and '-'"
        ));
    }
    if class.flags & !TAKES_MESSAGES != 0 {
        return Err(format!("'{name}' has unknown flags: {}", class.flags));
    }
    let missing = |function| format!("'{name}' has no {function}");
    let create = class.create.ok_or_else(|| missing("create"))?;
    // SAFETY: the caller guarantees it.
    let steps = unsafe { read_steps(class.steps) }.map_err(|fault| format!("'{name}' {fault}"))?;
    let infer = class.infer;
    if infer.is_none() && steps.is_none() {
        return Err(missing("infer"));
    }
    let destroy = class.destroy.ok_or_else(|| missing("destroy"))?;
    let takes_messages = class.flags & TAKES_MESSAGES != 0;
    if takes_messages && steps.is_some() {
        return Err(format!("'{name}' makes steps, which take tensors, but takes messages"));
    }
    let InfererClass { describe, warm_up, .. } = class;
    let name = name.to_owned();
    Ok(Class { name, create, infer, destroy, describe, warm_up, takes_messages, steps })
}

/// Checks and reads how a class makes steps.
///
/// # Safety
/// The pointer is null or true.
unsafe fn read_steps(steps: *const StepClass) -> Result<Option<StepFunctions>, String> {
    // SAFETY: the caller guarantees a struct, which begins with its size.
    let Some(size) = (unsafe { steps.cast::<u32>().as_ref() }) else { return Ok(None) };
    if (*size as usize) < size_of::<StepClass>() {
        let least = size_of::<StepClass>();
        return Err(format!("makes steps whose struct_size is {size}, not {least} or more"));
    }
    // SAFETY: it has at least these fields.
    let StepClass { declare, begin, prefill, step, end, .. } = unsafe { *steps };
    let missing = |function| format!("makes steps, but has no {function}");
    let begin = begin.ok_or_else(|| missing("begin"))?;
    let step = step.ok_or_else(|| missing("step"))?;
    let end = end.ok_or_else(|| missing("end"))?;
    Ok(Some(StepFunctions { declare, begin, prefill, step, end }))
}

/// A text that ends with a zero; `None` when it is null or not UTF-8.
///
/// # Safety
/// The pointer is null or a text that is never freed.
unsafe fn text(text: Text) -> Option<&'static str> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the caller guarantees the text.
    unsafe { CStr::from_ptr(text) }.to_str().ok()
}
