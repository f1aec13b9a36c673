//! The functions of the host's table on a batch. The plugin calls them in the thread of `infer`.

use crate::plugins::abi::{ERROR, OK, TensorView};
use crate::plugins::batch_run::{BatchRun, RequestRun};
use crate::plugins::outputs::OutputList;

/// The batch that a plugin has passed.
///
/// # Safety
/// It is null or the batch of the call of `infer` that runs.
unsafe fn known<'a>(batch: *const BatchRun<'_>) -> Option<&'a BatchRun<'a>> {
    // SAFETY: the caller guarantees it; what is borrowed ends with the call.
    unsafe { batch.cast::<BatchRun<'a>>().as_ref() }
}

pub(crate) unsafe extern "C" fn request_count(batch: *const BatchRun<'_>) -> u64 {
    // SAFETY: the interface demands the batch.
    unsafe { known(batch) }.map_or(0, |batch| batch.count as u64)
}

pub(crate) unsafe extern "C" fn rows(batch: *const BatchRun<'_>) -> u64 {
    // SAFETY: the interface demands the batch.
    let rows = unsafe { known(batch) }.and_then(|batch| batch.rows);
    rows.map_or(u64::MAX, |rows| rows as u64)
}

pub(crate) unsafe extern "C" fn input_count(batch: *const BatchRun<'_>) -> u64 {
    // SAFETY: the interface demands the batch.
    unsafe { known(batch) }.map_or(0, |batch| batch.input_count() as u64)
}

pub(crate) unsafe extern "C" fn input(
    batch: *const BatchRun<'_>,
    index: u64,
    view: *mut TensorView,
) -> i32 {
    // SAFETY: the interface demands the batch.
    let Some(batch) = (unsafe { known(batch) }) else { return ERROR };
    // SAFETY: the plugin guarantees a struct whose size is true.
    let size = unsafe { view.as_ref() }.map_or(0, |view| view.struct_size);
    if (size as usize) < size_of::<TensorView>() {
        let least = size_of::<TensorView>();
        let fault = format!("input: the view's struct_size is {size}, not {least} or more");
        batch.errors().note_wrong_call(fault);
        return ERROR;
    }
    let Some(found) = usize::try_from(index).ok().and_then(|index| batch.input(index)) else {
        let count = batch.input_count();
        batch.errors().note_wrong_call(format!("input: no input {index}; there are {count}"));
        return ERROR;
    };
    // SAFETY: the struct has all of these fields.
    unsafe { *view = TensorView { struct_size: size, ..found } };
    OK
}

pub(crate) unsafe extern "C" fn batch_outputs(batch: *const BatchRun<'_>) -> *const OutputList {
    // SAFETY: the interface demands the batch.
    unsafe { known(batch) }.map_or(std::ptr::null(), |batch| &raw const batch.outputs)
}

pub(crate) unsafe extern "C" fn request(
    batch: *const BatchRun<'_>,
    index: u64,
) -> *const RequestRun {
    // SAFETY: the interface demands the batch.
    let Some(batch) = (unsafe { known(batch) }) else { return std::ptr::null() };
    match usize::try_from(index).ok().and_then(|index| batch.request(index)) {
        Some(request) => request,
        None => {
            let count = batch.count;
            let fault = format!("request: no request {index}; the batch has {count}");
            batch.errors().note_wrong_call(fault);
            std::ptr::null()
        }
    }
}
