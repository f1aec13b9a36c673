//! What TensorFlow says when a function fails.

use std::ffi::CStr;

use crate::tensorflow::functions::{Functions, Opaque};

/// `TF_INVALID_ARGUMENT`.
const INVALID_ARGUMENT: i32 = 3;
/// `TF_OUT_OF_RANGE`.
const OUT_OF_RANGE: i32 = 11;

/// What TensorFlow said.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct TensorflowError {
    pub(super) code: i32,
    pub(super) text: String,
}

impl TensorflowError {
    /// An error that is found here, before TensorFlow is called.
    pub(super) fn new(text: String) -> Self {
        Self { code: INVALID_ARGUMENT, text }
    }

    /// Whether TensorFlow says that what it was given is wrong.
    pub fn is_of_the_input(&self) -> bool {
        [INVALID_ARGUMENT, OUT_OF_RANGE].contains(&self.code)
    }
}

/// The outcome of a function, freed when it is dropped.
pub(super) struct Status<'a> {
    functions: &'a Functions,
    status: *mut Opaque,
}

impl Drop for Status<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle was made for this owner, and is not used again.
        unsafe { (self.functions.TF_DeleteStatus)(self.status) };
    }
}

impl<'a> Status<'a> {
    pub(super) fn new(functions: &'a Functions) -> Self {
        // SAFETY: it takes nothing and returns a handle.
        let status = unsafe { (functions.TF_NewStatus)() };
        Self { functions, status }
    }

    /// Where a function writes its outcome.
    pub(super) fn raw(&self) -> *mut Opaque {
        self.status
    }

    /// The outcome of the last function that was given this status.
    pub(super) fn check(&self) -> Result<(), TensorflowError> {
        // SAFETY: the status is live.
        let code = unsafe { (self.functions.TF_GetCode)(self.status) };
        if code == 0 {
            return Ok(());
        }
        // SAFETY: the status is live.
        let message = unsafe { (self.functions.TF_Message)(self.status) };
        // SAFETY: the message ends with a zero and lives until the status changes.
        let text = unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned();
        Err(TensorflowError { code, text })
    }
}
