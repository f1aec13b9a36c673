//! Runs the batches of one copy of a model.

use std::sync::Arc;

use grps_core::{Cause, Error, Failure, NativeBatch, NativeInferer, Outputs, Signature, Tensor};
use grps_plugin::EngineModel;

use crate::common::{Runs, run_error};
use crate::shim::library::Shim;

/// `GRPS_UNJUDGED` of `sdk/cpp/engines/engine.h`.
const UNJUDGED: u16 = 422;

/// One copy of a model.
pub(crate) struct ShimInferer {
    model: EngineModel,
    /// What the shim says, and what is known beyond that.
    pub(crate) signature: Signature,
    /// Names of all outputs, in place of those of the shim.
    pub(crate) names: Option<Vec<Arc<str>>>,
    cause_of: fn(&str) -> String,
}

impl ShimInferer {
    /// Runs a model of a shim.
    pub(crate) fn new(shim: &Shim, model: EngineModel) -> Self {
        let signature = model.signature().clone();
        Self { model, signature, names: None, cause_of: shim.cause_of }
    }

    /// What the shim says beyond the signature.
    pub(crate) fn notes(&self) -> &[String] {
        self.model.notes()
    }

    fn judged(&self, failure: Failure) -> Failure {
        let Failure::Run(error) = failure else { return failure };
        let cause = (self.cause_of)(error.message());
        let judged = match error.status() {
            Some(UNJUDGED) => run_error(cause, false),
            _ => Error::new(error.cause(), cause),
        };
        judged.into()
    }

    fn run_once(&mut self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Failure> {
        let outputs = self.model.run(inputs).map_err(|failure| self.judged(failure));
        let mut outputs = outputs?;
        if let Some(names) = &self.names {
            if names.len() != outputs.len() {
                let (wanted, got) = (names.len(), outputs.len());
                let message = format!("the model returned {got} outputs, not {wanted}");
                return Err(Error::new(Cause::ModelFailed, message).into());
            }
            for (output, name) in outputs.iter_mut().zip(names) {
                output.rename(Arc::clone(name));
            }
        }
        Ok(outputs)
    }
}

impl Runs for ShimInferer {
    fn run(&mut self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
        self.run_once(inputs).map_err(|failure| match failure {
            Failure::Run(error) => error,
            Failure::Instance(message) => Error::new(Cause::ModelFailed, message),
        })
    }
}

impl NativeInferer for ShimInferer {
    fn infer(&mut self, batch: &mut dyn NativeBatch) -> Result<Outputs, Failure> {
        let inputs = batch.take_tensors();
        let inputs = inputs.ok_or_else(|| Error::invalid("the inputs can't be joined"))?;
        Ok(Outputs::Tensors(self.run_once(&inputs)?))
    }
}
