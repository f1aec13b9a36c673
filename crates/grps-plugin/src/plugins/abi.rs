//! The tables and structs of `sdk/cpp/include/grps/plugin.h`, field by field.

use std::ffi::{c_char, c_void};

use crate::lent_memory::Release;
use crate::plugins::args::Args;
use crate::plugins::batch_run::{BatchRun, RequestRun};
use crate::plugins::call_run::CallRun;
use crate::plugins::failure::ErrorSlot;
use crate::plugins::outputs::OutputList;
use crate::plugins::signature::SignatureList;
use crate::plugins::steps::SlotList;

/// `GRPS_PLUGIN_MAJOR`.
pub(crate) const MAJOR: u32 = 1;
/// `GRPS_PLUGIN_MINOR`.
pub(crate) const MINOR: u32 = 2;

/// `GRPS_TAKES_MESSAGES`, the only flag of a class.
pub(crate) const TAKES_MESSAGES: u32 = 1;

/// What functions return: `grps_status`.
pub(crate) const OK: i32 = 0;
pub(crate) const ERROR: i32 = 1;
pub(crate) const CLIENT_LEFT: i32 = 2;
pub(crate) const NOT_STREAMING: i32 = 3;
pub(crate) const NONE: i32 = 4;
pub(crate) const CALL_FAILED: i32 = 5;

/// `GRPS_HTTP_STREAMING`, the only flag of an HTTP request.
pub(crate) const HTTP_STREAMING: u32 = 1;

/// Borrowed text: what the pairs of pointer and length are in C.
pub(crate) type Text = *const c_char;

/// `grps_tensor`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct TensorView {
    pub(crate) struct_size: u32,
    pub(crate) dtype: i32,
    pub(crate) rank: u32,
    pub(crate) reserved: u32,
    pub(crate) shape: *const i64,
    pub(crate) data: *const c_void,
    pub(crate) bytes: u64,
    pub(crate) offsets: *const u64,
    pub(crate) text: Text,
    pub(crate) name: Text,
    pub(crate) name_length: u64,
}

/// `grps_value`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValueView {
    pub(crate) struct_size: u32,
    pub(crate) kind: i32,
    pub(crate) integer: i64,
    pub(crate) number: f64,
    pub(crate) text: Text,
    pub(crate) length: u64,
}

/// `grps_text`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct TextView {
    pub(crate) data: Text,
    pub(crate) length: u64,
}

/// `grps_http_header`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct HttpHeader {
    pub(crate) name: TextView,
    pub(crate) value: TextView,
}

/// `grps_http_request`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct HttpRequestView {
    pub(crate) struct_size: u32,
    pub(crate) flags: u32,
    pub(crate) method: TextView,
    pub(crate) path: TextView,
    pub(crate) query: TextView,
    pub(crate) peer: TextView,
    pub(crate) peer_port: u32,
    pub(crate) reserved: u32,
    pub(crate) body: TextView,
    pub(crate) headers: *const HttpHeader,
    pub(crate) header_count: u64,
}

/// `grps_http_response`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct HttpResponseView {
    pub(crate) struct_size: u32,
    pub(crate) status: i32,
    pub(crate) headers: *const HttpHeader,
    pub(crate) header_count: u64,
    pub(crate) body: TextView,
}

/// `grps_settings`.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) struct_size: u32,
    pub(crate) instance: u32,
    pub(crate) model: Text,
    pub(crate) folder: Text,
    pub(crate) library: Text,
    pub(crate) device: Text,
    pub(crate) json: Text,
    pub(crate) args: *const Args,
}

/// `grps_host`. A batch, a request, outputs, an error and arguments are opaque to plugins.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) struct_size: u32,
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) reserved: u32,
    pub(crate) version: Text,
    pub(crate) log: unsafe extern "C" fn(i32, Text, u64),
    pub(crate) record: unsafe extern "C" fn(i32, Text, usize, f64) -> i32,
    pub(crate) fail: unsafe extern "C" fn(*mut ErrorSlot, i32, Text, u64),
    pub(crate) argument: unsafe extern "C" fn(*const Args, Text, u64, *mut ValueView) -> i32,
    pub(crate) request_count: unsafe extern "C" fn(*const BatchRun<'_>) -> u64,
    pub(crate) rows: unsafe extern "C" fn(*const BatchRun<'_>) -> u64,
    pub(crate) input_count: unsafe extern "C" fn(*const BatchRun<'_>) -> u64,
    pub(crate) input: unsafe extern "C" fn(*const BatchRun<'_>, u64, *mut TensorView) -> i32,
    pub(crate) batch_outputs: unsafe extern "C" fn(*const BatchRun<'_>) -> *const OutputList,
    pub(crate) request: unsafe extern "C" fn(*const BatchRun<'_>, u64) -> *const RequestRun,
    pub(crate) request_id: unsafe extern "C" fn(*const RequestRun, *mut u64) -> Text,
    pub(crate) request_rows: unsafe extern "C" fn(*const RequestRun, *mut u64, *mut u64) -> i32,
    pub(crate) is_streaming: unsafe extern "C" fn(*const RequestRun) -> i32,
    pub(crate) is_cancelled: unsafe extern "C" fn(*const RequestRun) -> i32,
    pub(crate) remaining_us: unsafe extern "C" fn(*const RequestRun) -> i64,
    pub(crate) fail_request: unsafe extern "C" fn(*const RequestRun, i32, Text, u64) -> i32,
    pub(crate) request_outputs: unsafe extern "C" fn(*const RequestRun) -> *const OutputList,
    pub(crate) send_chunk: unsafe extern "C" fn(*const RequestRun) -> i32,
    pub(crate) allocate:
        unsafe extern "C" fn(*const OutputList, *const TensorView, *mut *mut c_void) -> i32,
    pub(crate) copy: unsafe extern "C" fn(*const OutputList, *const TensorView) -> i32,
    pub(crate) lend: unsafe extern "C" fn(
        *const OutputList,
        *const TensorView,
        Option<Release>,
        *mut c_void,
    ) -> i32,
    pub(crate) message: unsafe extern "C" fn(*const RequestRun, *mut u64) -> *const c_void,
    pub(crate) put_message: unsafe extern "C" fn(*const OutputList, *const c_void, u64) -> i32,
    pub(crate) http_request: unsafe extern "C" fn(*const RequestRun, *mut HttpRequestView) -> i32,
    pub(crate) respond: unsafe extern "C" fn(*const RequestRun, *const HttpResponseView) -> i32,
    pub(crate) send_body: unsafe extern "C" fn(*const RequestRun, *const c_void, u64) -> i32,
    pub(crate) set_user_data:
        unsafe extern "C" fn(*const RequestRun, Text, u64, *mut c_void, Option<Release>) -> i32,
    pub(crate) user_data: unsafe extern "C" fn(*const RequestRun, Text, u64) -> *mut c_void,
    pub(crate) add_input: unsafe extern "C" fn(*const SignatureList, *const TensorView) -> i32,
    pub(crate) add_output: unsafe extern "C" fn(*const SignatureList, *const TensorView) -> i32,
    pub(crate) begin_call: unsafe extern "C" fn(*const RequestRun, Text, u64) -> *mut CallRun,
    pub(crate) call_inputs: unsafe extern "C" fn(*const CallRun) -> *const OutputList,
    pub(crate) run_call: unsafe extern "C" fn(*mut CallRun) -> i32,
    pub(crate) call_output_count: unsafe extern "C" fn(*const CallRun) -> u64,
    pub(crate) call_output: unsafe extern "C" fn(*const CallRun, u64, *mut TensorView) -> i32,
    pub(crate) call_message: unsafe extern "C" fn(*const CallRun, *mut u64) -> *const c_void,
    pub(crate) call_failure: unsafe extern "C" fn(*const CallRun, *mut TextView) -> i32,
    pub(crate) end_call: unsafe extern "C" fn(*mut CallRun),
    pub(crate) add_slot: unsafe extern "C" fn(*const SlotList, *const TensorView) -> i32,
    pub(crate) request_input_count: unsafe extern "C" fn(*const RequestRun) -> u64,
    pub(crate) request_input: unsafe extern "C" fn(*const RequestRun, u64, *mut TensorView) -> i32,
    pub(crate) earlier_output_count: unsafe extern "C" fn(*const RequestRun) -> u64,
    pub(crate) earlier_output: unsafe extern "C" fn(*const RequestRun, u64, *mut TensorView) -> i32,
}

// SAFETY: it has functions and a static text only.
unsafe impl Sync for Host {}

/// `grps_inferer_class`. A function that a plugin leaves out is `None`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct InfererClass {
    pub(crate) struct_size: u32,
    pub(crate) flags: u32,
    pub(crate) name: Text,
    pub(crate) create: Option<Create>,
    pub(crate) infer: Option<Infer>,
    pub(crate) destroy: Option<Destroy>,
    pub(crate) describe: Option<Describe>,
    pub(crate) warm_up: Option<WarmUp>,
    pub(crate) steps: *const StepClass,
}

/// `grps_sequences`.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Sequences {
    pub(crate) struct_size: u32,
    pub(crate) reserved: u32,
    pub(crate) count: u64,
    pub(crate) requests: *const *const RequestRun,
    pub(crate) states: *const *mut c_void,
    pub(crate) rows: *const u64,
    pub(crate) slots: *const *mut c_void,
    pub(crate) starts: *const u64,
    pub(crate) stops: *const u64,
}

/// `grps_step_result`.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct StepResult {
    pub(crate) struct_size: u32,
    pub(crate) reserved: u32,
    pub(crate) outputs: *const OutputList,
    pub(crate) finished: *mut u8,
    pub(crate) state_bytes: *mut u64,
}

/// `grps_step_class`. A function that a plugin leaves out is `None`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepClass {
    pub(crate) struct_size: u32,
    pub(crate) reserved: u32,
    pub(crate) declare: Option<Declare>,
    pub(crate) begin: Option<Begin>,
    pub(crate) prefill: Option<Prefill>,
    pub(crate) step: Option<Step>,
    pub(crate) end: Option<End>,
}

/// Declares the slots of a model.
pub(crate) type Declare =
    unsafe extern "C" fn(*const Settings, *const SlotList, *const ErrorSlot) -> i32;
/// Begins sequences.
pub(crate) type Begin =
    unsafe extern "C" fn(*mut c_void, *const Sequences, *mut *mut c_void, *const ErrorSlot) -> i32;
/// Reads parts of inputs.
pub(crate) type Prefill =
    unsafe extern "C" fn(*mut c_void, *const Sequences, *const ErrorSlot) -> i32;
/// Makes a step.
pub(crate) type Step =
    unsafe extern "C" fn(*mut c_void, *const Sequences, *const StepResult, *const ErrorSlot) -> i32;
/// Releases states.
pub(crate) type End = unsafe extern "C" fn(*mut c_void, *const *mut c_void, u64);

/// Size of a class in the first version of the interface.
pub(crate) const CLASS_SIZE: usize = 40;

/// Creates an inferer.
pub(crate) type Create = unsafe extern "C" fn(*const Settings, *const ErrorSlot) -> *mut c_void;
/// Runs a batch.
pub(crate) type Infer =
    unsafe extern "C" fn(*mut c_void, *const BatchRun<'_>, *const ErrorSlot) -> i32;
/// Describes the inputs and outputs of a model.
pub(crate) type Describe =
    unsafe extern "C" fn(*const Settings, *const SignatureList, *const ErrorSlot) -> i32;
/// Runs once after `create`.
pub(crate) type WarmUp = unsafe extern "C" fn(*mut c_void, *const ErrorSlot) -> i32;
/// Destroys an inferer.
pub(crate) type Destroy = unsafe extern "C" fn(*mut c_void);

/// `grps_plugin`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct PluginTable {
    pub(crate) struct_size: u32,
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) inferer_count: u32,
    pub(crate) name: Text,
    pub(crate) version: Text,
    pub(crate) inferers: *const *const InfererClass,
}

/// `grps_plugin_open`.
pub(crate) type Open = unsafe extern "C" fn(*const Host, *const ErrorSlot) -> *const PluginTable;

/// Asserts the offset of each field, and the size.
macro_rules! frozen {
    ($type:ty, $size:literal, $($field:ident: $offset:literal),+) => {
        const _: () = {
            $(assert!(std::mem::offset_of!($type, $field) == $offset);)+
            assert!(size_of::<$type>() == $size);
        };
    };
}

pub(crate) use frozen;

frozen!(TensorView, 72, struct_size: 0, dtype: 4, rank: 8, reserved: 12, shape: 16, data: 24,
    bytes: 32, offsets: 40, text: 48, name: 56, name_length: 64);
frozen!(ValueView, 40, struct_size: 0, kind: 4, integer: 8, number: 16, text: 24, length: 32);
frozen!(TextView, 16, data: 0, length: 8);
frozen!(HttpHeader, 32, name: 0, value: 16);
frozen!(HttpRequestView, 112, struct_size: 0, flags: 4, method: 8, path: 24, query: 40, peer: 56,
    peer_port: 72, reserved: 76, body: 80, headers: 96, header_count: 104);
frozen!(HttpResponseView, 40, struct_size: 0, status: 4, headers: 8, header_count: 16, body: 24);
frozen!(Settings, 56, struct_size: 0, instance: 4, model: 8, folder: 16, library: 24, device: 32,
    json: 40, args: 48);
frozen!(Host, 368, struct_size: 0, major: 4, minor: 8, reserved: 12, version: 16, log: 24,
    record: 32, fail: 40, argument: 48, request_count: 56, rows: 64, input_count: 72, input: 80,
    batch_outputs: 88, request: 96, request_id: 104, request_rows: 112, is_streaming: 120,
    is_cancelled: 128, remaining_us: 136, fail_request: 144, request_outputs: 152,
    send_chunk: 160, allocate: 168, copy: 176, lend: 184, message: 192, put_message: 200,
    http_request: 208, respond: 216, send_body: 224, set_user_data: 232,
    user_data: 240, add_input: 248, add_output: 256, begin_call: 264, call_inputs: 272,
    run_call: 280, call_output_count: 288, call_output: 296, call_message: 304, call_failure: 312,
    end_call: 320, add_slot: 328, request_input_count: 336, request_input: 344,
    earlier_output_count: 352, earlier_output: 360);
frozen!(Sequences, 64, struct_size: 0, reserved: 4, count: 8, requests: 16, states: 24, rows: 32,
    slots: 40, starts: 48, stops: 56);
frozen!(StepResult, 32, struct_size: 0, reserved: 4, outputs: 8, finished: 16, state_bytes: 24);
frozen!(StepClass, 48, struct_size: 0, reserved: 4, declare: 8, begin: 16, prefill: 24, step: 32,
    end: 40);
frozen!(InfererClass, 64, struct_size: 0, flags: 4, name: 8, create: 16, infer: 24, destroy: 32,
    describe: 40, warm_up: 48, steps: 56);
frozen!(PluginTable, 40, struct_size: 0, major: 4, minor: 8, inferer_count: 12, name: 16,
    version: 24, inferers: 32);
