//! The functions of the host's table on slots and on the requests of sequences.

use crate::plugins::abi::{ERROR, OK, TensorView};
use crate::plugins::batch_run::RequestRun;
use crate::plugins::steps::SlotList;

pub(crate) unsafe extern "C" fn add_slot(slots: *const SlotList, like: *const TensorView) -> i32 {
    // SAFETY: it is null or what the call of `declare` that runs has got.
    let Some(slots) = (unsafe { slots.as_ref() }) else { return ERROR };
    // SAFETY: the plugin guarantees the view.
    match unsafe { slots.add(like) } {
        Ok(()) => OK,
        Err(fault) => {
            slots.errors.note_wrong_call(format!("add_slot: {fault}"));
            ERROR
        }
    }
}

pub(crate) unsafe extern "C" fn request_input_count(request: *const RequestRun) -> u64 {
    // SAFETY: the interface demands the request.
    unsafe { count(request, true) }
}

pub(crate) unsafe extern "C" fn earlier_output_count(request: *const RequestRun) -> u64 {
    // SAFETY: the interface demands the request.
    unsafe { count(request, false) }
}

pub(crate) unsafe extern "C" fn request_input(
    request: *const RequestRun,
    index: u64,
    view: *mut TensorView,
) -> i32 {
    // SAFETY: the interface demands the request; the plugin guarantees the view.
    unsafe { fill_in(request, index, view, true) }
}

pub(crate) unsafe extern "C" fn earlier_output(
    request: *const RequestRun,
    index: u64,
    view: *mut TensorView,
) -> i32 {
    // SAFETY: the interface demands the request; the plugin guarantees the view.
    unsafe { fill_in(request, index, view, false) }
}

/// # Safety
/// The request is null or one that the function of the plugin that runs has got.
unsafe fn count(request: *const RequestRun, of_inputs: bool) -> u64 {
    // SAFETY: the caller guarantees it.
    let sequence = unsafe { request.as_ref() }.and_then(|request| request.sequence.as_ref());
    sequence.map_or(0, |sequence| sequence.count(of_inputs) as u64)
}

/// # Safety
/// As for [`count`]; the view is null or a struct whose size is true.
unsafe fn fill_in(
    request: *const RequestRun,
    index: u64,
    view: *mut TensorView,
    of_inputs: bool,
) -> i32 {
    // SAFETY: the caller guarantees it.
    let Some(request) = (unsafe { request.as_ref() }) else { return ERROR };
    let function = if of_inputs { "request_input" } else { "earlier_output" };
    let wrong = |fault: String| {
        request.errors.note_wrong_call(format!("{function}: {fault}"));
        ERROR
    };
    let Some(sequence) = &request.sequence else {
        return wrong("the request is none of a step model".to_owned());
    };
    // SAFETY: the caller guarantees the view.
    let size = unsafe { view.as_ref() }.map_or(0, |view| view.struct_size);
    if (size as usize) < size_of::<TensorView>() {
        let least = size_of::<TensorView>();
        return wrong(format!("the view's struct_size is {size}, not {least} or more"));
    }
    let found = usize::try_from(index).ok().and_then(|index| sequence.view(of_inputs, index));
    let Some(found) = found else {
        return wrong(format!("no tensor {index}; there are {}", sequence.count(of_inputs)));
    };
    // SAFETY: the struct has all of these fields.
    unsafe { *view = TensorView { struct_size: size, ..found } };
    OK
}
