//! The functions of the host's table on calls of other models.

use std::ffi::c_void;

use crate::plugins::abi::{ERROR, OK, TensorView, Text, TextView};
use crate::plugins::batch_run::RequestRun;
use crate::plugins::call_run::CallRun;
use crate::plugins::outputs::OutputList;
use crate::plugins::view;

pub(crate) unsafe extern "C" fn begin_call(
    request: *const RequestRun,
    model: Text,
    length: u64,
) -> *mut CallRun {
    // SAFETY: the interface demands the request; the plugin guarantees the text.
    let (request, model) = unsafe { (request.as_ref(), view::text(model, length)) };
    match (request, model) {
        (Some(request), Ok(model)) => Box::into_raw(Box::new(CallRun::new(request, model))),
        (Some(request), Err(fault)) => {
            request.errors.note_wrong_call(format!("begin_call: the model: {fault}"));
            std::ptr::null_mut()
        }
        (None, _) => std::ptr::null_mut(),
    }
}

pub(crate) unsafe extern "C" fn call_inputs(call: *const CallRun) -> *const OutputList {
    // SAFETY: it is null or a call that was not ended.
    unsafe { call.as_ref() }.map_or(std::ptr::null(), |call| &raw const call.inputs)
}

pub(crate) unsafe extern "C" fn run_call(call: *mut CallRun) -> i32 {
    // SAFETY: it is null or a call that was not ended, which one thread uses.
    let Some(call) = (unsafe { call.as_mut() }) else { return ERROR };
    call.run().unwrap_or_else(|fault| {
        call.errors.note_wrong_call(format!("run_call: {fault}"));
        ERROR
    })
}

pub(crate) unsafe extern "C" fn call_output_count(call: *const CallRun) -> u64 {
    // SAFETY: it is null or a call that was not ended.
    unsafe { call.as_ref() }.map_or(0, |call| call.outputs().len() as u64)
}

pub(crate) unsafe extern "C" fn call_output(
    call: *const CallRun,
    index: u64,
    view: *mut TensorView,
) -> i32 {
    // SAFETY: it is null or a call that was not ended.
    let Some(call) = (unsafe { call.as_ref() }) else { return ERROR };
    let count = call.outputs().len();
    let Some(found) = usize::try_from(index).ok().and_then(|index| call.output(index)) else {
        let fault = format!("call_output: no output {index}; there are {count}");
        call.errors.note_wrong_call(fault);
        return ERROR;
    };
    // SAFETY: the plugin guarantees a struct whose size is true.
    let size = unsafe { view.as_ref() }.map_or(0, |view| view.struct_size);
    if (size as usize) < size_of::<TensorView>() {
        let least = size_of::<TensorView>();
        let fault = format!("call_output: the view's struct_size is {size}, not {least} or more");
        call.errors.note_wrong_call(fault);
        return ERROR;
    }
    // SAFETY: the struct has all of these fields.
    unsafe { *view = TensorView { struct_size: size, ..found } };
    OK
}

pub(crate) unsafe extern "C" fn call_message(
    call: *const CallRun,
    length: *mut u64,
) -> *const c_void {
    // SAFETY: it is null or a call that was not ended.
    let message = unsafe { call.as_ref() }.and_then(CallRun::message);
    // SAFETY: it is null or a number of the plugin.
    if let Some(length) = unsafe { length.as_mut() } {
        *length = message.map_or(0, <[u8]>::len) as u64;
    }
    message.map_or(std::ptr::null(), |message| message.as_ptr().cast())
}

pub(crate) unsafe extern "C" fn call_failure(call: *const CallRun, text: *mut TextView) -> i32 {
    // SAFETY: it is null or a call that was not ended.
    let failure = unsafe { call.as_ref() }.and_then(CallRun::failure);
    let (number, message) = failure.unwrap_or_default();
    // SAFETY: it is null or a text of the plugin.
    if let Some(text) = unsafe { text.as_mut() } {
        *text = TextView { data: message.as_ptr().cast(), length: message.len() as u64 };
    }
    number
}

pub(crate) unsafe extern "C" fn end_call(call: *mut CallRun) {
    if !call.is_null() {
        // SAFETY: it is a call that was not ended, which is not used after this.
        drop(unsafe { Box::from_raw(call) });
    }
}
