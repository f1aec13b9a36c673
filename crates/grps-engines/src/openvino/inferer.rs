//! Loads and runs one copy of a model.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;

use bytes::Bytes;
use grps_core::{Buffer, Cause, DataType, Error, Signature, Tensor, TensorSpec};
use grps_engine_api::openvino::{InferRequest, Input, OpenvinoError, Output};

use crate::common::{EngineError, ModelFile, Runs, elements_for, only_file, run_error};
use crate::openvino::arguments::Arguments;
use crate::openvino::causes::cause_in;
use crate::openvino::library::openvino;
use crate::openvino::types::{element_of, signature_of};

/// An infer request of a compiled model.
pub(super) struct OpenvinoInferer {
    request: InferRequest,
    signature: Signature,
}

impl OpenvinoInferer {
    /// Loads a copy of a model.
    ///
    /// # Errors
    /// The file is no such model, or OpenVINO refused it.
    pub(super) fn open(
        model: &ModelFile,
        arguments: &Arguments,
    ) -> Result<(Self, Signature), EngineError> {
        let openvino = openvino()?;
        let path = file_of(&model.path)?;
        let refused = |error: OpenvinoError| {
            let cause = cause_in(&error.to_string());
            EngineError::Model(format!("{}: {cause}", path.display()))
        };
        for library in arguments.operator_libraries()? {
            openvino.add_extension(&library).map_err(refused)?;
        }
        let usable = available_parallelism().map_or(1, usize::from);
        let properties = arguments.properties(model.processors, usable);
        let compiled = openvino.compile(&path, &properties, arguments.maps()).map_err(refused)?;
        let signature = signature_of(&compiled)?;
        let request = compiled.infer_request().map_err(refused)?;
        Ok((Self { request, signature: signature.clone() }, signature))
    }
}

impl Runs for OpenvinoInferer {
    fn run(&mut self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
        let specs = &self.signature.inputs;
        let elements: Vec<_> =
            inputs.iter().zip(specs).map(|(input, spec)| elements_for(input, spec)).collect();
        let borrowed = inputs.iter().zip(&elements).map(|(input, elements)| {
            let dtype = elements.dtype();
            let element = element_of(dtype).ok_or_else(|| {
                Error::invalid(format!("OpenVINO takes no elements of type {dtype}"))
            })?;
            Ok(Input { element, shape: input.shape(), bytes: elements.as_ref() })
        });
        let borrowed: Vec<_> = borrowed.collect::<Result<_, Error>>()?;
        let outputs = self.request.infer(&borrowed);
        let outputs = outputs.map_err(|error| run_error(cause_in(&error.to_string()), false))?;
        let named = outputs.into_iter().zip(&self.signature.outputs);
        named.map(|(output, spec)| to_tensor(output, spec)).collect()
    }
}

/// The model's file: that of OpenVINO's own format in a directory, or else that of ONNX.
fn file_of(path: &Path) -> Result<PathBuf, EngineError> {
    let own = path.is_dir().then(|| only_file(path, "xml"));
    own.and_then(Result::ok).map_or_else(|| only_file(path, "onnx"), Ok)
}

fn to_tensor(output: Output, spec: &TensorSpec) -> Result<Tensor, Error> {
    let name = Arc::clone(&spec.name);
    let dtype = spec.dtype.unwrap_or(DataType::Float32);
    let buffer = Buffer::from_bytes(dtype, Bytes::from(output.bytes)).ok_or_else(|| {
        Error::new(Cause::ModelFailed, format!("output {name} has a part of an element"))
    })?;
    Tensor::new(name, output.shape, buffer)
}
