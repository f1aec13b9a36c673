//! What is used of `openvino/c/openvino.h`.

use std::ffi::{c_char, c_int, c_void};

use crate::library::c_functions;

/// `ov_status_e`: 0 is success.
pub(super) type Status = c_int;

/// Something of OpenVINO behind a pointer.
#[repr(C)]
pub(super) struct Opaque {
    _opaque: [u8; 0],
}

/// `ov_shape_t`, where the caller has the dimensions; also what is returned and freed by
/// `ov_shape_free`.
#[repr(C)]
pub(super) struct Shape {
    pub(super) rank: i64,
    pub(super) dims: *mut i64,
}

/// `ov_dimension_t`: dynamic where the two differ.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Dimension {
    pub(super) min: i64,
    pub(super) max: i64,
}

/// `ov_partial_shape_t`.
#[repr(C)]
pub(super) struct PartialShape {
    pub(super) rank: Dimension,
    pub(super) dims: *mut Dimension,
}

type Text = *const c_char;
type Handle = *mut Opaque;
type Found = *mut Handle;
/// What returns an item by its number.
pub(super) type ByIndex = unsafe extern "C" fn(Handle, usize, Found) -> Status;
type Free = unsafe extern "C" fn(Handle);
/// Behind the named parameters: keys and values in turn.
type SetProperty = unsafe extern "C" fn(Handle, Text, ...) -> Status;
type Compile = unsafe extern "C" fn(Handle, Handle, Text, usize, Found, ...) -> Status;

c_functions! {
    /// The functions of OpenVINO.
    struct Functions {
        ov_get_last_err_msg: unsafe extern "C" fn() -> *mut c_char,
        ov_free: unsafe extern "C" fn(Text),
        ov_core_create: unsafe extern "C" fn(Found) -> Status,
        ov_core_set_property: SetProperty,
        ov_core_add_extension: unsafe extern "C" fn(Handle, Text) -> Status,
        ov_core_read_model: unsafe extern "C" fn(Handle, Text, Text, Found) -> Status,
        ov_core_compile_model: Compile,
        ov_model_free: Free,
        ov_compiled_model_inputs_size: unsafe extern "C" fn(Handle, *mut usize) -> Status,
        ov_compiled_model_input_by_index: ByIndex,
        ov_compiled_model_outputs_size: unsafe extern "C" fn(Handle, *mut usize) -> Status,
        ov_compiled_model_output_by_index: ByIndex,
        ov_compiled_model_create_infer_request: unsafe extern "C" fn(Handle, Found) -> Status,
        ov_compiled_model_free: Free,
        ov_port_get_any_name: unsafe extern "C" fn(Handle, *mut *mut c_char) -> Status,
        ov_port_get_element_type: unsafe extern "C" fn(Handle, *mut c_int) -> Status,
        ov_port_get_partial_shape: unsafe extern "C" fn(Handle, *mut PartialShape) -> Status,
        ov_partial_shape_free: unsafe extern "C" fn(*mut PartialShape),
        ov_output_const_port_free: Free,
        ov_infer_request_set_input_tensor_by_index: unsafe extern "C" fn(Handle, usize, Handle) -> Status,
        ov_infer_request_infer: unsafe extern "C" fn(Handle) -> Status,
        ov_infer_request_get_output_tensor_by_index: ByIndex,
        ov_infer_request_free: Free,
        ov_tensor_create: unsafe extern "C" fn(c_int, Shape, Found) -> Status,
        ov_tensor_create_from_host_ptr: unsafe extern "C" fn(c_int, Shape, *mut c_void, Found) -> Status,
        ov_tensor_get_shape: unsafe extern "C" fn(Handle, *mut Shape) -> Status,
        ov_tensor_get_byte_size: unsafe extern "C" fn(Handle, *mut usize) -> Status,
        ov_tensor_data: unsafe extern "C" fn(Handle, *mut *mut c_void) -> Status,
        ov_tensor_free: Free,
        ov_shape_free: unsafe extern "C" fn(*mut Shape) -> Status,
    }
}
