//! The functions of the host's table on a signature, which `describe` of a class gets.

use crate::plugins::abi::{ERROR, OK, TensorView};
use crate::plugins::signature::SignatureList;

/// Adds an input or an output; what is wrong is noted.
///
/// # Safety
/// The signature is null or that of the call of `describe` that runs; the view is null or true.
unsafe fn add(
    signature: *const SignatureList,
    like: *const TensorView,
    (function, is_input): (&str, bool),
) -> i32 {
    // SAFETY: the caller guarantees both.
    let Some(signature) = (unsafe { signature.as_ref() }) else { return ERROR };
    // SAFETY: the caller guarantees the view.
    match unsafe { signature.add(like, is_input) } {
        Ok(()) => OK,
        Err(fault) => {
            signature.errors.note_wrong_call(format!("{function}: {fault}"));
            ERROR
        }
    }
}

pub(crate) unsafe extern "C" fn add_input(
    signature: *const SignatureList,
    like: *const TensorView,
) -> i32 {
    // SAFETY: the interface demands the signature; the plugin guarantees the view.
    unsafe { add(signature, like, ("add_input", true)) }
}

pub(crate) unsafe extern "C" fn add_output(
    signature: *const SignatureList,
    like: *const TensorView,
) -> i32 {
    // SAFETY: the interface demands the signature; the plugin guarantees the view.
    unsafe { add(signature, like, ("add_output", false)) }
}
