//! A session of a graph, and some of its tensors to feed and fetch.

use std::ffi::{OsStr, c_int};
use std::ptr::{null, null_mut};

use crate::tensorflow::functions::{Endpoint, Opaque};
use crate::tensorflow::runtime::{Tensorflow, text};
use crate::tensorflow::status::{Status, TensorflowError};
use crate::tensorflow::tensor::Tensor;

/// A loaded graph and its session, freed when they are dropped.
pub struct Session {
    tensorflow: &'static Tensorflow,
    graph: *mut Opaque,
    /// Null if the model could not be loaded.
    session: *mut Opaque,
}

// SAFETY: TensorFlow documents graphs and sessions as safe to use from several threads at once.
unsafe impl Send for Session {}
// SAFETY: as above.
unsafe impl Sync for Session {}

impl Drop for Session {
    fn drop(&mut self) {
        let functions = &self.tensorflow.functions;
        if !self.session.is_null() {
            let status = Status::new(functions);
            // SAFETY: session and status are live; nothing runs while the owner is dropped.
            unsafe { (functions.TF_CloseSession)(self.session, status.raw()) };
            // SAFETY: the handle was made for this owner, and is not used again.
            unsafe { (functions.TF_DeleteSession)(self.session, status.raw()) };
        }
        // SAFETY: the handle was made for this owner, and its session is deleted.
        unsafe { (functions.TF_DeleteGraph)(self.graph) };
    }
}

impl Session {
    pub(super) fn new(
        tensorflow: &'static Tensorflow,
        graph: *mut Opaque,
        session: *mut Opaque,
    ) -> Self {
        Self { tensorflow, graph, session }
    }

    /// A program that is fed and fetched at tensors with these names, such as `x:0`.
    ///
    /// # Errors
    /// The graph has no such tensor.
    pub fn program<'a>(
        self,
        inputs: impl IntoIterator<Item = &'a str>,
        outputs: impl IntoIterator<Item = &'a str>,
    ) -> Result<Program, TensorflowError> {
        let inputs = inputs.into_iter().map(|name| self.endpoint(name));
        let inputs = inputs.collect::<Result<_, _>>()?;
        let outputs = outputs.into_iter().map(|name| self.endpoint(name));
        let outputs = outputs.collect::<Result<_, _>>()?;
        Ok(Program { session: self, inputs, outputs })
    }

    fn endpoint(&self, name: &str) -> Result<Endpoint, TensorflowError> {
        let functions = &self.tensorflow.functions;
        let missing = || TensorflowError::new(format!("the graph has no tensor {name}"));
        let (operation, index) = name.rsplit_once(':').unwrap_or((name, "0"));
        let index: c_int = index.parse().map_err(|_| missing())?;
        let operation = text(OsStr::new(operation))?;
        // SAFETY: the graph is live, and the name ends with a zero.
        let operation =
            unsafe { (functions.TF_GraphOperationByName)(self.graph, operation.as_ptr()) };
        if operation.is_null() {
            return Err(missing());
        }
        // SAFETY: the operation is part of the live graph.
        let count = unsafe { (functions.TF_OperationNumOutputs)(operation) };
        if !(0..count).contains(&index) {
            return Err(missing());
        }
        Ok(Endpoint { operation, index })
    }
}

/// A session that is fed and fetched at fixed tensors.
pub struct Program {
    session: Session,
    /// Tensors of the session's graph.
    inputs: Vec<Endpoint>,
    outputs: Vec<Endpoint>,
}

// SAFETY: the addresses are of operations of the session's graph, which lives as long.
unsafe impl Send for Program {}
// SAFETY: as above.
unsafe impl Sync for Program {}

impl Program {
    /// Runs the graph on all inputs in their order.
    ///
    /// # Errors
    /// The inputs do not fit, or the model failed.
    pub fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, TensorflowError> {
        let (tensorflow, session) = (self.session.tensorflow, self.session.session);
        let (wanted, given) = (self.inputs.len(), inputs.len());
        if given != wanted {
            return Err(TensorflowError::new(format!("{given} inputs; the model has {wanted}")));
        }
        let size = |length| c_int::try_from(length).unwrap_or(c_int::MAX);
        let values: Vec<_> = inputs.iter().map(Tensor::raw).collect();
        let mut found = vec![null_mut(); self.outputs.len()];
        let status = Status::new(&tensorflow.functions);
        // SAFETY: session and status are live, the tensors are of its graph, each input has a live
        // value, `found` has room for each output, and null stands for options, operations and
        // metadata that nobody needs.
        unsafe {
            (tensorflow.functions.TF_SessionRun)(
                session,
                null_mut(),
                self.inputs.as_ptr(),
                values.as_ptr(),
                size(given),
                self.outputs.as_ptr(),
                found.as_mut_ptr(),
                size(found.len()),
                null(),
                0,
                null_mut(),
                status.raw(),
            );
        };
        let found = found.into_iter().filter(|tensor| !tensor.is_null());
        let found: Vec<_> = found.map(|tensor| Tensor::new(tensorflow, tensor)).collect();
        status.check().map(|()| found)
    }
}
