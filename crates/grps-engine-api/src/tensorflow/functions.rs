//! What is used of `tensorflow/c/c_api.h`.

use std::ffi::{c_char, c_int, c_void};

use crate::library::c_functions;

/// Something of TensorFlow behind a pointer.
#[repr(C)]
pub(super) struct Opaque {
    _opaque: [u8; 0],
}

/// `TF_Output`: an output of an operation of a graph.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Endpoint {
    pub(super) operation: *mut Opaque,
    pub(super) index: c_int,
}

/// What frees the memory of a tensor: the memory, its length, and what the caller has given.
pub(super) type Deallocator = unsafe extern "C" fn(*mut c_void, usize, *mut c_void);

type Text = *const c_char;
type Handle = *mut Opaque;
type Make = unsafe extern "C" fn() -> Handle;
type Free = unsafe extern "C" fn(Handle);
type NewTensor = unsafe extern "C" fn(
    c_int,
    *const i64,
    c_int,
    *mut c_void,
    usize,
    Deallocator,
    *mut c_void,
) -> Handle;
/// Options, options of the run, folder, tags and their number, graph, meta graph, status.
type LoadSession = unsafe extern "C" fn(
    Handle,
    Handle,
    Text,
    *const Text,
    c_int,
    Handle,
    Handle,
    Handle,
) -> Handle;
/// Session, options; inputs, their values and number; outputs likewise; operations and their
/// number; metadata, status.
type Run = unsafe extern "C" fn(
    Handle,
    Handle,
    *const Endpoint,
    *const Handle,
    c_int,
    *const Endpoint,
    *mut Handle,
    c_int,
    *const Handle,
    c_int,
    Handle,
    Handle,
);

c_functions! {
    /// The functions of TensorFlow.
    struct Functions {
        TF_NewStatus: Make,
        TF_DeleteStatus: Free,
        TF_GetCode: unsafe extern "C" fn(Handle) -> c_int,
        TF_Message: unsafe extern "C" fn(Handle) -> Text,
        TF_LoadLibrary: unsafe extern "C" fn(Text, Handle) -> Handle,
        TF_NewGraph: Make,
        TF_DeleteGraph: Free,
        TF_GraphOperationByName: unsafe extern "C" fn(Handle, Text) -> Handle,
        TF_OperationNumOutputs: unsafe extern "C" fn(Handle) -> c_int,
        TF_NewSessionOptions: Make,
        TF_SetConfig: unsafe extern "C" fn(Handle, *const c_void, usize, Handle),
        TF_DeleteSessionOptions: Free,
        TF_LoadSessionFromSavedModel: LoadSession,
        TF_SessionRun: Run,
        TF_CloseSession: unsafe extern "C" fn(Handle, Handle),
        TF_DeleteSession: unsafe extern "C" fn(Handle, Handle),
        TF_NewTensor: NewTensor,
        TF_DeleteTensor: Free,
        TF_TensorType: unsafe extern "C" fn(Handle) -> c_int,
        TF_NumDims: unsafe extern "C" fn(Handle) -> c_int,
        TF_Dim: unsafe extern "C" fn(Handle, c_int) -> i64,
        TF_TensorByteSize: unsafe extern "C" fn(Handle) -> usize,
        TF_TensorData: unsafe extern "C" fn(Handle) -> *mut c_void,
    }
}
