//! Runs the batches of one copy of a model.

use std::sync::Arc;

use grps_core::{Error, Signature, Tensor};
use ort::logging::LogLevel;
use ort::session::{NoSelectedOutputs, RunOptions, Session};

use crate::common::EngineError;
use crate::common::Runs;
use crate::onnxruntime::causes::{cause_of, run_error};
use crate::onnxruntime::values::{to_input, to_tensor};

/// One session of ONNX Runtime.
pub(super) struct OnnxInferer {
    session: Session,
    options: RunOptions<NoSelectedOutputs>,
    signature: Signature,
}

impl OnnxInferer {
    /// Runs a session with this signature.
    ///
    /// # Errors
    /// ONNX Runtime has no memory.
    pub(super) fn new(session: Session, signature: Signature) -> Result<Self, EngineError> {
        let options = RunOptions::new().and_then(|mut options| {
            // Errors of a run reach the client and our log; nobody else need write them.
            options.set_log_level(LogLevel::Fatal)?;
            Ok(options)
        });
        let options = options.map_err(|error| EngineError::Library(cause_of(&error)))?;
        Ok(Self { session, options, signature })
    }
}

impl Runs for OnnxInferer {
    fn run(&mut self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
        let specs = &self.signature.inputs;
        let values = inputs.iter().zip(specs).map(|(input, spec)| to_input(input, spec.dtype));
        let values: Vec<_> = values.collect::<Result<_, _>>()?;
        let outputs = self.session.run_with_options(&*values, &self.options);
        let outputs = outputs.map_err(|error| run_error(&error))?;
        let named = outputs.into_iter().zip(&self.signature.outputs);
        named.map(|((_, value), spec)| to_tensor(Arc::clone(&spec.name), value)).collect()
    }
}
