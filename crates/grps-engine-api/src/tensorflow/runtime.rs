//! The library.

use std::ffi::{CString, OsStr, c_int};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::null_mut;

use crate::library::{Library, OpenError};
use crate::tensorflow::functions::{Functions, Opaque};
use crate::tensorflow::program::Session;
use crate::tensorflow::status::{Status, TensorflowError};

/// TensorFlow, opened from its library.
pub struct Tensorflow {
    pub(super) functions: Functions,
}

impl Tensorflow {
    /// Opens `libtensorflow_cc.so`; `libtensorflow_framework.so` is beside it.
    ///
    /// # Errors
    /// It is missing, or has not the functions that are needed.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Ok(Self { functions: Functions::find(&Library::open(path)?)? })
    }

    /// Loads a library of custom operators, which is never closed.
    ///
    /// # Errors
    /// It is no such library.
    pub fn load_library(&self, path: &Path) -> Result<(), TensorflowError> {
        let path = text(path.as_os_str())?;
        let status = Status::new(&self.functions);
        // SAFETY: the text ends with a zero, and the status is live.
        unsafe { (self.functions.TF_LoadLibrary)(path.as_ptr(), status.raw()) };
        status.check()
    }

    /// Loads the graph of a SavedModel that has these tags.
    ///
    /// # Arguments
    /// `config` is an encoded `ConfigProto`.
    ///
    /// # Errors
    /// The folder is no such model, or TensorFlow can't load it.
    pub fn load_session(
        &'static self,
        folder: &Path,
        tags: &[String],
        config: &[u8],
    ) -> Result<Session, TensorflowError> {
        let folder = text(folder.as_os_str())?;
        let tags: Vec<CString> =
            tags.iter().map(|tag| text(OsStr::new(tag))).collect::<Result<_, _>>()?;
        let tags: Vec<_> = tags.iter().map(|tag| tag.as_ptr()).collect();
        let count = c_int::try_from(tags.len()).unwrap_or(c_int::MAX);
        let options = Options::new(self, config)?;
        // SAFETY: it takes nothing and returns a handle.
        let graph = unsafe { (self.functions.TF_NewGraph)() };
        let status = Status::new(&self.functions);
        // SAFETY: options, graph and status are live, the folder and the `count` tags end with a
        // zero, and null stands for options of the run and a meta graph that nobody needs.
        let session = unsafe {
            (self.functions.TF_LoadSessionFromSavedModel)(
                options.options,
                null_mut(),
                folder.as_ptr(),
                tags.as_ptr(),
                count,
                graph,
                null_mut(),
                status.raw(),
            )
        };
        let session = Session::new(self, graph, session);
        status.check().map(|()| session)
    }
}

/// Options of a session, freed when they are dropped.
struct Options<'a> {
    functions: &'a Functions,
    options: *mut Opaque,
}

impl Drop for Options<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle was made for this owner, and is not used again.
        unsafe { (self.functions.TF_DeleteSessionOptions)(self.options) };
    }
}

impl<'a> Options<'a> {
    fn new(tensorflow: &'a Tensorflow, config: &[u8]) -> Result<Self, TensorflowError> {
        let functions = &tensorflow.functions;
        // SAFETY: it takes nothing and returns a handle.
        let options = Self { functions, options: unsafe { (functions.TF_NewSessionOptions)() } };
        let (status, data) = (Status::new(functions), config.as_ptr().cast());
        // SAFETY: options and status are live, and the configuration has so many bytes.
        unsafe { (functions.TF_SetConfig)(options.options, data, config.len(), status.raw()) };
        status.check().map(|()| options)
    }
}

pub(super) fn text(word: &OsStr) -> Result<CString, TensorflowError> {
    CString::new(word.as_bytes())
        .map_err(|_| TensorflowError::new(format!("{} contains a zero", word.to_string_lossy())))
}
