//! Loads and runs one copy of a model.

use std::sync::Arc;

use grps_core::{Error, Signature, Tensor};
use grps_engine_api::tensorflow::{Element, Program, Tensorflow, TensorflowError};

use crate::common::{EngineError, ModelFile, Runs};
use crate::tensorflow::arguments::Arguments;
use crate::tensorflow::causes::cause_in;
use crate::tensorflow::library::tensorflow;
use crate::tensorflow::savedmodel::{TensorInfo, choose_signature};
use crate::tensorflow::threads::session_config;
use crate::tensorflow::types::signature_of;
use crate::tensorflow::values::{run_error, to_input, to_tensor};

/// A session of a signature.
pub(super) struct TensorflowInferer {
    tensorflow: &'static Tensorflow,
    program: Program,
    signature: Signature,
    /// TensorFlow's types of the inputs.
    elements: Vec<Element>,
}

impl TensorflowInferer {
    /// Loads a copy of a model.
    ///
    /// # Errors
    /// The folder is no such model, or TensorFlow refused it.
    pub(super) fn open(
        model: &ModelFile,
        arguments: &Arguments,
    ) -> Result<(Self, Signature), EngineError> {
        let path = &model.path;
        let chosen = choose_signature(path, &arguments.tags(), arguments.signature.as_deref())?;
        let signature = signature_of(&chosen)?;
        let tensorflow = tensorflow()?;
        for library in arguments.operator_libraries()? {
            tensorflow.load_library(&library).map_err(|error| {
                let cause = cause_in(&error.to_string());
                EngineError::Model(format!("library of custom operators: {cause}"))
            })?;
        }
        let refused = |error: TensorflowError| {
            EngineError::Model(format!("{}: {}", path.display(), cause_in(&error.to_string())))
        };
        let config = session_config(arguments, model.processors)?;
        let session = tensorflow.load_session(path, &chosen.tags, &config).map_err(refused)?;
        let program = session.program(names(&chosen.inputs), names(&chosen.outputs));
        let program = program.map_err(refused)?;
        let elements =
            chosen.inputs.iter().map(|(_, info)| Element::numbered(info.dtype)).collect();
        Ok((Self { tensorflow, program, signature: signature.clone(), elements }, signature))
    }
}

fn names(infos: &[(String, TensorInfo)]) -> impl Iterator<Item = &str> {
    infos.iter().filter_map(|(_, info)| info.tensor.as_deref())
}

impl Runs for TensorflowInferer {
    fn run(&mut self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
        let specs = self.signature.inputs.iter().zip(&self.elements);
        let values = inputs
            .iter()
            .zip(specs)
            .map(|(input, (spec, element))| to_input(self.tensorflow, input, spec, *element));
        let values: Vec<_> = values.collect::<Result<_, Error>>()?;
        let outputs = self.program.run(&values).map_err(|error| run_error(&error))?;
        let named = outputs.into_iter().zip(&self.signature.outputs);
        named.map(|(value, spec)| to_tensor(Arc::clone(&spec.name), value)).collect()
    }
}
