//! A compiled model and its inputs and outputs.

use std::ffi::CStr;
use std::ptr::null_mut;
use std::sync::Arc;

use crate::openvino::element::Element;
use crate::openvino::error::OpenvinoError;
use crate::openvino::functions::{ByIndex, Dimension, Opaque, PartialShape};
use crate::openvino::request::InferRequest;
use crate::openvino::runtime::Openvino;

/// An input or output of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// One of its names, if it has any.
    pub name: Option<String>,
    /// The type of its elements.
    pub element: Element,
    /// Its dimensions, `None` for dynamic ones; `None` without a known rank.
    pub shape: Option<Vec<Option<usize>>>,
}

/// A model that is compiled for the CPU.
#[derive(Clone)]
pub struct Compiled(pub(super) Arc<Handle>);

/// The handle of a compiled model, freed when it is dropped.
pub(super) struct Handle {
    pub(super) openvino: &'static Openvino,
    pub(super) compiled: *mut Opaque,
}

// SAFETY: OpenVINO documents a compiled model as safe to use from several threads at once.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle was made for this owner, and is not used again.
        unsafe { (self.openvino.functions.ov_compiled_model_free)(self.compiled) };
    }
}

impl Compiled {
    pub(super) fn new(openvino: &'static Openvino, compiled: *mut Opaque) -> Self {
        Self(Arc::new(Handle { openvino, compiled }))
    }

    /// The inputs in their order.
    ///
    /// # Errors
    /// OpenVINO failed.
    pub fn inputs(&self) -> Result<Vec<Port>, OpenvinoError> {
        let by_index = self.0.openvino.functions.ov_compiled_model_input_by_index;
        (0..self.sizes()?.0).map(|index| self.port(by_index, index)).collect()
    }

    /// The outputs in their order.
    ///
    /// # Errors
    /// OpenVINO failed.
    pub fn outputs(&self) -> Result<Vec<Port>, OpenvinoError> {
        let by_index = self.0.openvino.functions.ov_compiled_model_output_by_index;
        (0..self.sizes()?.1).map(|index| self.port(by_index, index)).collect()
    }

    /// What runs the model, one run at a time.
    ///
    /// # Errors
    /// OpenVINO failed.
    pub fn infer_request(&self) -> Result<InferRequest, OpenvinoError> {
        InferRequest::new(Arc::clone(&self.0), self.sizes()?)
    }

    /// How many inputs and outputs there are.
    fn sizes(&self) -> Result<(usize, usize), OpenvinoError> {
        let (functions, model) = (&self.0.openvino.functions, self.0.compiled);
        let (mut inputs, mut outputs) = (0, 0);
        // SAFETY: the model is live, and `inputs` receives a number.
        let status = unsafe { (functions.ov_compiled_model_inputs_size)(model, &raw mut inputs) };
        functions.check(status)?;
        // SAFETY: the model is live, and `outputs` receives a number.
        let status = unsafe { (functions.ov_compiled_model_outputs_size)(model, &raw mut outputs) };
        functions.check(status).map(|()| (inputs, outputs))
    }

    fn port(&self, by_index: ByIndex, index: usize) -> Result<Port, OpenvinoError> {
        let functions = &self.0.openvino.functions;
        let mut port = null_mut();
        // SAFETY: the model is live, and `port` receives a handle.
        functions.check(unsafe { by_index(self.0.compiled, index, &raw mut port) })?;
        let described = self.describe(port);
        // SAFETY: the handle was just made, is freed once and not used below.
        unsafe { (functions.ov_output_const_port_free)(port) };
        described
    }

    fn describe(&self, port: *mut Opaque) -> Result<Port, OpenvinoError> {
        let functions = &self.0.openvino.functions;
        let mut number = 0;
        // SAFETY: the caller's port is live, and `number` receives a number.
        functions.check(unsafe { (functions.ov_port_get_element_type)(port, &raw mut number) })?;
        let zero = Dimension { min: 0, max: 0 };
        let mut partial = PartialShape { rank: zero, dims: null_mut() };
        // SAFETY: the port is live, and `partial` receives a shape.
        let status = unsafe { (functions.ov_port_get_partial_shape)(port, &raw mut partial) };
        functions.check(status)?;
        let shape = dims_of(&partial);
        // SAFETY: the shape was just made, is freed once and not used below.
        unsafe { (functions.ov_partial_shape_free)(&raw mut partial) };
        let element = self.0.openvino.numbering.element(number);
        Ok(Port { name: self.name_of(port), element, shape })
    }

    /// A name of a port; `None` if it has no name, which OpenVINO reports as an error.
    fn name_of(&self, port: *mut Opaque) -> Option<String> {
        let functions = &self.0.openvino.functions;
        let mut text = null_mut();
        // SAFETY: the caller's port is live, and `text` receives a text.
        let status = unsafe { (functions.ov_port_get_any_name)(port, &raw mut text) };
        if status != 0 || text.is_null() {
            return None;
        }
        // SAFETY: the text is not null, ends with a zero and is ours until it is freed.
        let name = unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned();
        // SAFETY: the text was made for the caller and is not used below.
        unsafe { (functions.ov_free)(text) };
        Some(name)
    }
}

fn dims_of(partial: &PartialShape) -> Option<Vec<Option<usize>>> {
    let rank = (partial.rank.min == partial.rank.max).then_some(partial.rank.min)?;
    let rank = usize::try_from(rank).ok()?;
    if rank == 0 || partial.dims.is_null() {
        return Some(Vec::new());
    }
    // SAFETY: a shape with a static rank has so many dimensions.
    let dims = unsafe { std::slice::from_raw_parts(partial.dims, rank) };
    let known = |dim: &Dimension| usize::try_from(dim.min).ok().filter(|_| dim.min == dim.max);
    Some(dims.iter().map(known).collect())
}
