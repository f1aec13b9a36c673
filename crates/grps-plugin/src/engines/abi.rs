//! The structs of `sdk/cpp/engines/engine.h`, field by field.

use std::ffi::c_void;

use crate::plugins::abi::{Host, TensorView, Text, TextView, frozen};
use crate::plugins::args::Args;
use crate::plugins::failure::ErrorSlot;
use crate::plugins::outputs::OutputList;

/// `GRPS_ENGINE_VERSION`.
pub(crate) const VERSION: u32 = 1;
/// `GRPS_OPTIONAL`, the only flag of a tensor.
pub(crate) const OPTIONAL: u32 = 1;
/// `GRPS_STRICT_NAMES`, the only flag of a signature.
pub(crate) const STRICT_NAMES: u32 = 1;
/// `GRPS_UNKNOWN`.
pub(crate) const UNKNOWN: i32 = -1;

/// `grps_engine_settings`.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) struct_size: u32,
    pub(crate) threads: u32,
    pub(crate) path: Text,
    pub(crate) device: Text,
    pub(crate) args: *const Args,
}

/// `grps_engine_tensor`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct TensorEntry {
    pub(crate) struct_size: u32,
    pub(crate) dtype: i32,
    pub(crate) rank: i32,
    pub(crate) flags: u32,
    pub(crate) shape: *const i64,
    pub(crate) name: TextView,
}

/// `grps_engine_signature`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignatureView {
    pub(crate) struct_size: u32,
    pub(crate) flags: u32,
    pub(crate) inputs: *const TensorEntry,
    pub(crate) input_count: u64,
    pub(crate) outputs: *const TensorEntry,
    pub(crate) output_count: u64,
    pub(crate) notes: *const TextView,
    pub(crate) note_count: u64,
}

/// `grps_engine`. A function that a shim leaves out is `None`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct EngineTable {
    pub(crate) struct_size: u32,
    pub(crate) version: u32,
    pub(crate) name: Text,
    pub(crate) title: Text,
    pub(crate) open: Option<Open>,
    pub(crate) describe: Option<Describe>,
    pub(crate) run: Option<Run>,
    pub(crate) close: Option<Close>,
}

/// Loads a copy of a model.
pub(crate) type Open = unsafe extern "C" fn(*const Settings, *const ErrorSlot) -> *mut c_void;
/// Fills in its signature.
pub(crate) type Describe =
    unsafe extern "C" fn(*const c_void, *mut SignatureView, *const ErrorSlot) -> i32;
/// Runs it once.
pub(crate) type Run = unsafe extern "C" fn(
    *mut c_void,
    *const TensorView,
    u64,
    *const OutputList,
    *const ErrorSlot,
) -> i32;
/// Frees it.
pub(crate) type Close = unsafe extern "C" fn(*mut c_void);
/// `grps_engine_open`.
pub(crate) type Entry = unsafe extern "C" fn(*const Host, *const ErrorSlot) -> *const EngineTable;

frozen!(Settings, 32, struct_size: 0, threads: 4, path: 8, device: 16, args: 24);
frozen!(TensorEntry, 40, struct_size: 0, dtype: 4, rank: 8, flags: 12, shape: 16, name: 24);
frozen!(SignatureView, 56, struct_size: 0, flags: 4, inputs: 8, input_count: 16, outputs: 24,
    output_count: 32, notes: 40, note_count: 48);
frozen!(EngineTable, 56, struct_size: 0, version: 4, name: 8, title: 16, open: 24, describe: 32,
    run: 40, close: 48);
