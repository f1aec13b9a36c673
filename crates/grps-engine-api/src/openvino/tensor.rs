//! Handles of tensors.

use std::ptr::null_mut;

use crate::openvino::error::{INVALID_ARGUMENT, OpenvinoError};
use crate::openvino::functions::{Opaque, Shape};
use crate::openvino::request::Input;
use crate::openvino::runtime::Openvino;

/// The handle of a tensor, freed when it is dropped.
pub(super) struct TensorHandle {
    openvino: &'static Openvino,
    tensor: *mut Opaque,
}

impl Drop for TensorHandle {
    fn drop(&mut self) {
        // SAFETY: the handle was made for this owner, and is not used again.
        unsafe { (self.openvino.functions.ov_tensor_free)(self.tensor) };
    }
}

impl TensorHandle {
    /// Takes over a handle.
    pub(super) fn new(openvino: &'static Openvino, tensor: *mut Opaque) -> Self {
        Self { openvino, tensor }
    }

    /// A tensor in the memory of an input. OpenVINO must not read it once that memory is freed.
    pub(super) fn lent(
        openvino: &'static Openvino,
        input: &Input<'_>,
    ) -> Result<Self, OpenvinoError> {
        if !input.element.is_number() {
            let name = input.element.name();
            return Err(OpenvinoError(format!("an input has elements of type {name}")));
        }
        let mut dims: Vec<i64> =
            input.shape.iter().filter_map(|dim| i64::try_from(*dim).ok()).collect();
        let rank = i64::try_from(dims.len()).unwrap_or_default();
        let shape = Shape { rank, dims: dims.as_mut_ptr() };
        let number = openvino.numbering.number(input.element);
        let data = input.bytes.as_ptr().cast_mut().cast();
        let mut tensor = null_mut();
        // SAFETY: the shape has `rank` dimensions, and `tensor` receives a handle. OpenVINO only
        // reads the memory of inputs, and not before a run.
        let status = unsafe {
            (openvino.functions.ov_tensor_create_from_host_ptr)(
                number,
                shape,
                data,
                &raw mut tensor,
            )
        };
        openvino.functions.check(status)?;
        let made = Self { openvino, tensor };
        let (bytes, given) = (made.byte_size()?, input.bytes.len());
        if bytes != given {
            return Err(OpenvinoError(format!("an input has {given} bytes, not {bytes}")));
        }
        Ok(made)
    }

    pub(super) fn raw(&self) -> *mut Opaque {
        self.tensor
    }

    pub(super) fn shape(&self) -> Result<Vec<usize>, OpenvinoError> {
        let functions = &self.openvino.functions;
        let mut shape = Shape { rank: 0, dims: null_mut() };
        // SAFETY: the tensor is live, and `shape` receives a shape.
        let status = unsafe { (functions.ov_tensor_get_shape)(self.tensor, &raw mut shape) };
        if status == INVALID_ARGUMENT {
            // The C API makes no shape without dimensions; nothing else is wrong with the tensor.
            return Ok(Vec::new());
        }
        functions.check(status)?;
        let rank = usize::try_from(shape.rank).unwrap_or_default();
        let dims = if rank == 0 || shape.dims.is_null() {
            Vec::new()
        } else {
            // SAFETY: the shape has so many dimensions.
            let dims = unsafe { std::slice::from_raw_parts(shape.dims, rank) };
            dims.iter().filter_map(|dim| usize::try_from(*dim).ok()).collect()
        };
        // SAFETY: the shape was just made, is freed once and not used below.
        let status = unsafe { (functions.ov_shape_free)(&raw mut shape) };
        functions.check(status).map(|()| dims)
    }

    /// A copy of its elements.
    pub(super) fn to_vec(&self) -> Result<Vec<u8>, OpenvinoError> {
        let functions = &self.openvino.functions;
        let size = self.byte_size()?;
        if size == 0 {
            return Ok(Vec::new());
        }
        let mut data = null_mut();
        // SAFETY: the tensor is live, and `data` receives an address.
        functions.check(unsafe { (functions.ov_tensor_data)(self.tensor, &raw mut data) })?;
        if data.is_null() {
            return Err(OpenvinoError("an output has no memory".to_owned()));
        }
        // SAFETY: the tensor has so many bytes there, which nothing writes while it does not run.
        Ok(unsafe { std::slice::from_raw_parts(data.cast::<u8>(), size) }.to_vec())
    }

    fn byte_size(&self) -> Result<usize, OpenvinoError> {
        let functions = &self.openvino.functions;
        let mut size = 0;
        // SAFETY: the tensor is live, and `size` receives a number.
        let status = unsafe { (functions.ov_tensor_get_byte_size)(self.tensor, &raw mut size) };
        functions.check(status).map(|()| size)
    }
}
