//! The functions of the host's table on customized HTTP. Any thread may call them until `infer`
//! returns.

use std::ffi::c_void;

use crate::plugins::abi::{ERROR, HttpRequestView, HttpResponseView, NONE, OK};
use crate::plugins::batch_run::RequestRun;
use crate::plugins::http::read_response;
use crate::plugins::view;

/// What a function returns; a fault is noted.
fn status(request: &RequestRun, function: &str, outcome: Result<i32, String>) -> i32 {
    outcome.unwrap_or_else(|fault| {
        request.errors.note_wrong_call(format!("{function}: {fault}"));
        ERROR
    })
}

pub(crate) unsafe extern "C" fn http_request(
    request: *const RequestRun,
    view: *mut HttpRequestView,
) -> i32 {
    // SAFETY: the interface demands the request.
    let Some(request) = (unsafe { request.as_ref() }) else { return ERROR };
    let Some(found) = request.http_request() else { return NONE };
    // SAFETY: the plugin guarantees a struct whose size is true.
    let size = unsafe { view.as_ref() }.map_or(0, |view| view.struct_size);
    if (size as usize) < size_of::<HttpRequestView>() {
        let least = size_of::<HttpRequestView>();
        let fault = format!("the view's struct_size is {size}, not {least} or more");
        return status(request, "http_request", Err(fault));
    }
    // SAFETY: the struct has all of these fields.
    unsafe { *view = HttpRequestView { struct_size: size, ..found } };
    OK
}

pub(crate) unsafe extern "C" fn respond(
    request: *const RequestRun,
    response: *const HttpResponseView,
) -> i32 {
    // SAFETY: the interface demands the request.
    let Some(request) = (unsafe { request.as_ref() }) else { return ERROR };
    // SAFETY: the plugin guarantees the response.
    let reply = unsafe { read_response(response) };
    status(request, "respond", reply.and_then(|reply| request.respond(reply).map(|()| OK)))
}

pub(crate) unsafe extern "C" fn send_body(
    request: *const RequestRun,
    data: *const c_void,
    length: u64,
) -> i32 {
    // SAFETY: the interface demands the request.
    let Some(request) = (unsafe { request.as_ref() }) else { return ERROR };
    // SAFETY: the plugin guarantees the bytes.
    let data = unsafe { view::bytes(data.cast(), length) }.map_err(str::to_owned);
    status(request, "send_body", data.and_then(|data| request.send_body(data)))
}
