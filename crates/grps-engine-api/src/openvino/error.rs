//! What OpenVINO says when a function fails.

use std::ffi::CStr;

use crate::openvino::functions::{Functions, Status};

/// `INVALID_C_PARAM`.
pub(super) const INVALID_ARGUMENT: Status = -14;
/// Errors of the C API itself, which keeps no message of them.
const WITHOUT_MESSAGE: std::ops::RangeInclusive<Status> = -16..=INVALID_ARGUMENT;

/// What OpenVINO said.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OpenvinoError(pub(crate) String);

impl Functions {
    /// The error of a function that failed.
    ///
    /// The library has one message for all threads. If a function fails in another thread at the
    /// same moment, this can be the message of that one.
    pub(super) fn check(&self, status: Status) -> Result<(), OpenvinoError> {
        if status == 0 {
            return Ok(());
        }
        let without_message = || OpenvinoError(format!("OpenVINO failed with status {status}"));
        if WITHOUT_MESSAGE.contains(&status) {
            return Err(without_message());
        }
        // SAFETY: it takes nothing and returns a text for the caller or null.
        let text = unsafe { (self.ov_get_last_err_msg)() };
        if text.is_null() {
            return Err(without_message());
        }
        // SAFETY: the text is not null, ends with a zero and is ours until it is freed.
        let said = unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned();
        // SAFETY: the text was made for the caller and is not used below.
        unsafe { (self.ov_free)(text) };
        Err(OpenvinoError(said))
    }
}
