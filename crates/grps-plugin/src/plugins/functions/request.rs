//! The functions of the host's table on one request. Any thread may call them until `infer` returns.

use std::ffi::c_void;
use std::time::Instant;

use bytes::Bytes;

use crate::plugins::abi::{ERROR, OK, Text};
use crate::plugins::batch_run::RequestRun;
use crate::plugins::host::message as text_of;
use crate::plugins::outputs::OutputList;

/// The request that a plugin has passed.
///
/// # Safety
/// It is null or a request of the call of `infer` that runs.
unsafe fn known<'a>(request: *const RequestRun) -> Option<&'a RequestRun> {
    // SAFETY: the caller guarantees it.
    unsafe { request.as_ref() }
}

pub(crate) unsafe extern "C" fn request_id(request: *const RequestRun, length: *mut u64) -> Text {
    // SAFETY: the interface demands the request.
    let id = unsafe { known(request) }.map_or("", |request| request.request.id());
    // SAFETY: it is null or a number of the plugin.
    if let Some(length) = unsafe { length.as_mut() } {
        *length = id.len() as u64;
    }
    id.as_ptr().cast()
}

pub(crate) unsafe extern "C" fn message(
    request: *const RequestRun,
    length: *mut u64,
) -> *const c_void {
    // SAFETY: the interface demands the request.
    let message = unsafe { known(request) }.and_then(|request| request.message.as_ref());
    // SAFETY: it is null or a number of the plugin.
    if let Some(length) = unsafe { length.as_mut() } {
        *length = message.map_or(0, Bytes::len) as u64;
    }
    message.map_or(std::ptr::null(), |message| message.as_ptr().cast())
}

pub(crate) unsafe extern "C" fn request_rows(
    request: *const RequestRun,
    first: *mut u64,
    count: *mut u64,
) -> i32 {
    // SAFETY: the interface demands the request.
    let rows = unsafe { known(request) }.and_then(|request| request.rows.clone());
    // SAFETY: they are null or numbers of the plugin, and two of them.
    let numbers = unsafe { (first.as_mut(), count.as_mut()) };
    let (Some(rows), (Some(first), Some(count))) = (rows, numbers) else { return ERROR };
    (*first, *count) = (rows.start as u64, rows.len() as u64);
    OK
}

pub(crate) unsafe extern "C" fn is_streaming(request: *const RequestRun) -> i32 {
    // SAFETY: the interface demands the request.
    unsafe { known(request) }.map_or(0, |request| i32::from(request.request.is_streaming()))
}

pub(crate) unsafe extern "C" fn is_cancelled(request: *const RequestRun) -> i32 {
    // SAFETY: the interface demands the request.
    unsafe { known(request) }.map_or(1, |request| i32::from(request.request.is_cancelled()))
}

pub(crate) unsafe extern "C" fn remaining_us(request: *const RequestRun) -> i64 {
    // SAFETY: the interface demands the request.
    let deadline = unsafe { known(request) }.and_then(|request| request.request.deadline());
    deadline.map_or(i64::MAX, |deadline| {
        let left = deadline.saturating_duration_since(Instant::now());
        i64::try_from(left.as_micros()).unwrap_or(i64::MAX)
    })
}

pub(crate) unsafe extern "C" fn fail_request(
    request: *const RequestRun,
    number: i32,
    text: Text,
    length: u64,
) -> i32 {
    // SAFETY: the interface demands the request.
    let Some(request) = (unsafe { known(request) }) else { return ERROR };
    // SAFETY: the plugin guarantees the text.
    request.fail(number, unsafe { text_of(text, length) });
    OK
}

pub(crate) unsafe extern "C" fn request_outputs(request: *const RequestRun) -> *const OutputList {
    // SAFETY: the interface demands the request.
    match unsafe { known(request) } {
        Some(request) if request.sequence.is_some() => {
            let fault = "request_outputs: a step model has outputs of its steps only";
            request.errors.note_wrong_call(fault);
            std::ptr::null()
        }
        known => known.map_or(std::ptr::null(), |request| &raw const request.outputs),
    }
}

pub(crate) unsafe extern "C" fn send_chunk(request: *const RequestRun) -> i32 {
    // SAFETY: the interface demands the request.
    unsafe { known(request) }.map_or(ERROR, RequestRun::send_chunk)
}
