//! The functions of the host's table on user data. Any thread may call them until `infer` returns.

use std::ffi::c_void;

use crate::lent_memory::Release;
use crate::plugins::abi::{ERROR, OK, Text};
use crate::plugins::batch_run::RequestRun;
use crate::plugins::user_data::UserData;
use crate::plugins::view;

pub(crate) unsafe extern "C" fn set_user_data(
    request: *const RequestRun,
    kind: Text,
    length: u64,
    data: *mut c_void,
    release: Option<Release>,
) -> i32 {
    // SAFETY: the interface demands the request.
    let request = unsafe { request.as_ref() };
    let wrong = |fault: &str| {
        if let Some(request) = request {
            request.errors.note_wrong_call(format!("set_user_data: {fault}"));
        }
        ERROR
    };
    let Some(release) = release else { return wrong("`release` is NULL") };
    // SAFETY: the plugin guarantees the type.
    let kind = unsafe { view::bytes(kind.cast(), length) };
    // SAFETY: the plugin guarantees that the data can be released, which happens in every case.
    let kept = unsafe { UserData::new(kind.unwrap_or_default(), data, release) };
    match (request, kind) {
        (Some(request), Ok(_)) => {
            request.set_user_data(Some(kept).filter(|_| !data.is_null()));
            OK
        }
        (_, Err(fault)) => wrong(&format!("the type: {fault}")),
        (None, Ok(_)) => ERROR,
    }
}

pub(crate) unsafe extern "C" fn user_data(
    request: *const RequestRun,
    kind: Text,
    length: u64,
) -> *mut c_void {
    // SAFETY: the interface demands the request; the plugin guarantees the type.
    let (request, kind) = unsafe { (request.as_ref(), view::bytes(kind.cast(), length)) };
    let Some(request) = request else { return std::ptr::null_mut() };
    let found = kind.map_err(|fault| format!("the type: {fault}"));
    found.and_then(|kind| request.user_data(kind)).unwrap_or_else(|fault| {
        request.errors.note_wrong_call(format!("user_data: {fault}"));
        std::ptr::null_mut()
    })
}
