//! Runs of a compiled model.

use std::ptr::null_mut;
use std::sync::Arc;

use crate::openvino::compiled::Handle;
use crate::openvino::element::Element;
use crate::openvino::error::OpenvinoError;
use crate::openvino::functions::Opaque;
use crate::openvino::tensor::TensorHandle;

/// A tensor that a model runs on.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The type of its elements.
    pub element: Element,
    /// Its dimensions.
    pub shape: &'a [usize],
    /// Its elements, aligned as their type needs.
    pub bytes: &'a [u8],
}

/// A tensor that a model returned.
#[derive(Clone, Debug)]
pub struct Output {
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// A copy of its elements: the next run writes into the memory of this one.
    pub bytes: Vec<u8>,
}

/// Runs a compiled model, one run at a time.
pub struct InferRequest {
    model: Arc<Handle>,
    request: *mut Opaque,
    /// How many inputs and outputs the model has.
    sizes: (usize, usize),
}

// SAFETY: OpenVINO lets any thread use a request, one at a time, as `&mut self` has it.
unsafe impl Send for InferRequest {}

impl Drop for InferRequest {
    fn drop(&mut self) {
        // SAFETY: the handle was made for this owner, and is not used again; its model is live.
        unsafe { (self.model.openvino.functions.ov_infer_request_free)(self.request) };
    }
}

impl InferRequest {
    pub(super) fn new(model: Arc<Handle>, sizes: (usize, usize)) -> Result<Self, OpenvinoError> {
        let functions = &model.openvino.functions;
        let mut request = null_mut();
        // SAFETY: the model is live, and `request` receives a handle.
        let status = unsafe {
            (functions.ov_compiled_model_create_infer_request)(model.compiled, &raw mut request)
        };
        functions.check(status)?;
        Ok(Self { model, request, sizes })
    }

    /// Runs the model on all its inputs, in its order.
    ///
    /// # Errors
    /// The inputs do not fit, or the model failed.
    pub fn infer(&mut self, inputs: &[Input<'_>]) -> Result<Vec<Output>, OpenvinoError> {
        let (wanted, given) = (self.sizes.0, inputs.len());
        if given != wanted {
            return Err(OpenvinoError(format!("{given} inputs; the model has {wanted}")));
        }
        let functions = &self.model.openvino.functions;
        for (index, input) in inputs.iter().enumerate() {
            let tensor = TensorHandle::lent(self.model.openvino, input)?;
            // SAFETY: request and tensor are live. The request keeps the address of the input, which
            // is read only while this function runs: each run begins with all inputs.
            let status = unsafe {
                (functions.ov_infer_request_set_input_tensor_by_index)(
                    self.request,
                    index,
                    tensor.raw(),
                )
            };
            functions.check(status)?;
        }
        // SAFETY: the request is live, and all its inputs are in memory that `inputs` borrows.
        functions.check(unsafe { (functions.ov_infer_request_infer)(self.request) })?;
        (0..self.sizes.1).map(|index| self.output(index)).collect()
    }

    fn output(&self, index: usize) -> Result<Output, OpenvinoError> {
        let functions = &self.model.openvino.functions;
        let mut tensor = null_mut();
        // SAFETY: the request is live, and `tensor` receives a handle.
        let status = unsafe {
            (functions.ov_infer_request_get_output_tensor_by_index)(
                self.request,
                index,
                &raw mut tensor,
            )
        };
        functions.check(status)?;
        let tensor = TensorHandle::new(self.model.openvino, tensor);
        Ok(Output { shape: tensor.shape()?, bytes: tensor.to_vec()? })
    }
}
