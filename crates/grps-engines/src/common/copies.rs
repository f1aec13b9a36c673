//! Copies of a model, and how an instance runs one.

use std::sync::Arc;

use grps_core::{
    Error, Failure, LoadInferer, NativeBatch, NativeInferer, Outputs, Signature, Tensor,
};
use parking_lot::Mutex;

use crate::common::engine::{EngineError, LoadedEngine, ModelFile, try_out};
use crate::common::warm_up::Runs;

/// A copy that takes the batches of an instance.
struct Copy<R>(R);

impl<R: Runs> NativeInferer for Copy<R> {
    fn infer(&mut self, batch: &mut dyn NativeBatch) -> Result<Outputs, Failure> {
        let inputs = batch.take_tensors();
        let inputs = inputs.ok_or_else(|| Error::invalid("the inputs can't be joined"))?;
        Ok(Outputs::Tensors(self.0.run(&inputs)?))
    }
}

impl<R: Runs> Runs for Copy<R> {
    fn run(&mut self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
        self.0.run(inputs)
    }
}

/// Loads the first copy of a model, and returns what loads the others.
///
/// # Arguments
/// `open` loads a copy, and returns its signature. Each copy runs for the first time here.
///
/// # Errors
/// Those of `open`; the copy failed on what it says it takes.
pub(crate) fn load_copies<R, O>(model: &ModelFile, open: O) -> Result<LoadedEngine, EngineError>
where
    R: Runs + Send + 'static,
    O: Fn(&ModelFile) -> Result<(R, Signature), EngineError> + Send + Sync + 'static,
{
    load_inferers(model, move |model| open(model).map(|(copy, signature)| (Copy(copy), signature)))
}

/// As [`load_copies`], of what takes the batches of an instance itself.
///
/// # Errors
/// As [`load_copies`].
pub(crate) fn load_inferers<I, O>(model: &ModelFile, open: O) -> Result<LoadedEngine, EngineError>
where
    I: Runs + NativeInferer + Send + 'static,
    O: Fn(&ModelFile) -> Result<(I, Signature), EngineError> + Send + Sync + 'static,
{
    let load = move |model: &ModelFile| {
        let (mut copy, signature) = open(model)?;
        try_out(model, &mut copy, &signature)?;
        Ok((copy, signature))
    };
    let (first, signature) = load(model)?;
    let (first, model) = (Mutex::new(Some(first)), model.clone());
    let load: LoadInferer = Arc::new(move || {
        let loaded = first.lock().take();
        let copy = loaded.map_or_else(|| load(&model).map(|(copy, _)| copy), Ok);
        let copy = copy.map_err(|error: EngineError| error.to_string())?;
        Ok(Box::new(copy) as Box<dyn NativeInferer>)
    });
    Ok(LoadedEngine { signature, load })
}
