//! The table of the host, and its functions that concern no batch.

use std::ffi::c_char;

use crate::monitor;
use crate::plugins::abi::{ERROR, Host, MAJOR, MINOR, OK, Text, ValueView};
use crate::plugins::args::Args;
use crate::plugins::failure::{ErrorSlot, failure_of};
use crate::plugins::functions::{batch, call, http, output, request, signature, steps, user_data};
use crate::plugins::view;

/// The version of GRPS, with a zero behind it.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");

/// The one table.
pub(crate) static HOST: Host = Host {
    struct_size: size_of::<Host>() as u32,
    major: MAJOR,
    minor: MINOR,
    reserved: 0,
    version: VERSION.as_ptr().cast::<c_char>(),
    log,
    record: monitor::record,
    fail,
    argument,
    request_count: batch::request_count,
    rows: batch::rows,
    input_count: batch::input_count,
    input: batch::input,
    batch_outputs: batch::batch_outputs,
    request: batch::request,
    request_id: request::request_id,
    request_rows: request::request_rows,
    is_streaming: request::is_streaming,
    is_cancelled: request::is_cancelled,
    remaining_us: request::remaining_us,
    fail_request: request::fail_request,
    request_outputs: request::request_outputs,
    send_chunk: request::send_chunk,
    allocate: output::allocate,
    copy: output::copy,
    lend: output::lend,
    message: request::message,
    put_message: output::put_message,
    http_request: http::http_request,
    respond: http::respond,
    send_body: http::send_body,
    set_user_data: user_data::set_user_data,
    user_data: user_data::user_data,
    add_input: signature::add_input,
    add_output: signature::add_output,
    begin_call: call::begin_call,
    call_inputs: call::call_inputs,
    run_call: call::run_call,
    call_output_count: call::call_output_count,
    call_output: call::call_output,
    call_message: call::call_message,
    call_failure: call::call_failure,
    end_call: call::end_call,
    add_slot: steps::add_slot,
    request_input_count: steps::request_input_count,
    request_input: steps::request_input,
    earlier_output_count: steps::earlier_output_count,
    earlier_output: steps::earlier_output,
};

/// A message of a plugin, whatever its bytes are.
///
/// # Safety
/// `text` is null or points to `length` bytes.
pub(crate) unsafe fn message(text: Text, length: u64) -> String {
    // SAFETY: the caller guarantees the bytes.
    let bytes = unsafe { view::bytes(text.cast(), length) };
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}

/// Writes a line to the log. The thread is named after the instance.
unsafe extern "C" fn log(level: i32, text: Text, length: u64) {
    // SAFETY: the plugin guarantees the text.
    let message = unsafe { message(text, length) };
    let thread = std::thread::current();
    let logger = thread.name().unwrap_or("plugin");
    match level {
        i32::MIN..=0 => tracing::debug!(target: "plugin", logger, "{message}"),
        1 => tracing::info!(target: "plugin", logger, "{message}"),
        2 => tracing::warn!(target: "plugin", logger, "{message}"),
        3.. => tracing::error!(target: "plugin", logger, "{message}"),
    }
}

/// Notes a failure; the first one stays.
unsafe extern "C" fn fail(error: *mut ErrorSlot, number: i32, text: Text, length: u64) {
    // SAFETY: the plugin guarantees the text.
    let message = unsafe { message(text, length) };
    // SAFETY: it is null or the slot that the plugin got for the call that runs.
    if let Some(slot) = unsafe { error.as_ref() } {
        slot.note(failure_of(number, message));
    }
}

/// Looks up an argument.
unsafe extern "C" fn argument(
    args: *const Args,
    pointer: Text,
    length: u64,
    value: *mut ValueView,
) -> i32 {
    // SAFETY: it is null or what the settings had; the plugin guarantees the text.
    let (args, pointer) = unsafe { (args.as_ref(), view::text(pointer, length)) };
    // SAFETY: the plugin guarantees a struct whose size is true.
    let size = unsafe { value.as_ref() }.map_or(0, |value| value.struct_size);
    match (args, pointer) {
        (Some(args), Ok(pointer)) if size as usize >= size_of::<ValueView>() => {
            // SAFETY: the struct has all of these fields.
            unsafe { *value = ValueView { struct_size: size, ..args.view(pointer) } };
            OK
        }
        _ => ERROR,
    }
}
