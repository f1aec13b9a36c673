//! The functions of the host's table on outputs. Any thread may call them until `infer` returns.

use std::ffi::c_void;

use crate::lent_memory::{LentMemory, Release};
use crate::plugins::abi::{ERROR, OK, TensorView};
use crate::plugins::outputs::OutputList;
use crate::plugins::view::bytes;

/// Notes what was wrong, and returns a `grps_status`.
fn status(outputs: &OutputList, outcome: Result<(), String>) -> i32 {
    match outcome {
        Ok(()) => OK,
        Err(fault) => {
            outputs.note(fault);
            ERROR
        }
    }
}

pub(crate) unsafe extern "C" fn allocate(
    outputs: *const OutputList,
    like: *const TensorView,
    data: *mut *mut c_void,
) -> i32 {
    // SAFETY: it is null or outputs of the call of `infer` that runs.
    let Some(outputs) = (unsafe { outputs.as_ref() }) else { return ERROR };
    // SAFETY: it is null or a pointer of the plugin.
    let Some(data) = (unsafe { data.as_mut() }) else {
        return status(outputs, Err("allocate: `data` is NULL".to_owned()));
    };
    *data = std::ptr::null_mut();
    // SAFETY: the plugin guarantees the description.
    let allocated = unsafe { outputs.allocate(like) };
    status(outputs, allocated.map(|address| *data = address))
}

pub(crate) unsafe extern "C" fn copy(outputs: *const OutputList, view: *const TensorView) -> i32 {
    // SAFETY: it is null or outputs of the call of `infer` that runs.
    let Some(outputs) = (unsafe { outputs.as_ref() }) else { return ERROR };
    // SAFETY: the plugin guarantees the tensor.
    status(outputs, unsafe { outputs.copy(view) })
}

pub(crate) unsafe extern "C" fn put_message(
    outputs: *const OutputList,
    data: *const c_void,
    length: u64,
) -> i32 {
    // SAFETY: it is null or outputs of the call of `infer` that runs.
    let Some(outputs) = (unsafe { outputs.as_ref() }) else { return ERROR };
    // SAFETY: the plugin guarantees the bytes.
    let message = unsafe { bytes(data.cast(), length) };
    let put = message.map_err(|fault| format!("put_message: {fault}"));
    status(outputs, put.and_then(|message| outputs.put_message(message)))
}

pub(crate) unsafe extern "C" fn lend(
    outputs: *const OutputList,
    view: *const TensorView,
    release: Option<Release>,
    context: *mut c_void,
) -> i32 {
    // SAFETY: it is null or outputs of the call of `infer` that runs.
    let known = unsafe { outputs.as_ref() };
    let Some(release) = release else {
        let fault = "lend: `release` is NULL; without it nobody knows when the memory is free";
        return known.map_or(ERROR, |outputs| status(outputs, Err(fault.to_owned())));
    };
    // SAFETY: the interface demands that the memory does not change until it is released.
    let lent = |data, length| unsafe { LentMemory::new(data, length, release, context) };
    let Some(outputs) = known else {
        drop(lent(std::ptr::null(), 0));
        return ERROR;
    };
    // SAFETY: the plugin guarantees the tensor.
    status(outputs, unsafe { outputs.lend(view, lent) })
}
