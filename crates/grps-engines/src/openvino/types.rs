//! The signature of a model in the words of the core.

use grps_core::{DataType, Naming, Signature, TensorSpec};
use grps_engine_api::openvino::{Compiled, Element, OpenvinoError, Port};

use crate::common::EngineError;
use crate::openvino::causes::cause_in;

/// Element types that are served. Strings are left out, as in Python.
const TYPES: [(Element, DataType); 9] = [
    (Element::U8, DataType::Uint8),
    (Element::I8, DataType::Int8),
    (Element::I16, DataType::Int16),
    (Element::I32, DataType::Int32),
    (Element::I64, DataType::Int64),
    (Element::F16, DataType::Float16),
    (Element::F32, DataType::Float32),
    (Element::F64, DataType::Float64),
    (Element::BOOLEAN, DataType::Bool),
];

/// The inputs and outputs of a model.
///
/// # Errors
/// Some have a type that is not served.
pub(super) fn signature_of(compiled: &Compiled) -> Result<Signature, EngineError> {
    let specs = |kind, ports: Result<Vec<Port>, OpenvinoError>| {
        let ports = ports.map_err(|error| EngineError::Model(cause_in(&error.to_string())))?;
        let ports = ports.into_iter().enumerate();
        ports.map(|(index, port)| spec_of(kind, index, port)).collect::<Result<Vec<_>, _>>()
    };
    Ok(Signature {
        inputs: specs("input", compiled.inputs())?,
        outputs: specs("output", compiled.outputs())?,
        naming: Naming::Strict,
    })
}

/// OpenVINO's type of a tensor's elements.
pub(super) fn element_of(dtype: DataType) -> Option<Element> {
    TYPES.iter().find(|(_, ours)| *ours == dtype).map(|(theirs, _)| *theirs)
}

fn spec_of(kind: &str, index: usize, port: Port) -> Result<TensorSpec, EngineError> {
    let name = port.name.unwrap_or_else(|| format!("{kind}_{index}"));
    let Some((_, dtype)) = TYPES.iter().find(|(theirs, _)| *theirs == port.element) else {
        let known = TYPES.map(|(theirs, _)| theirs.name()).join(", ");
        let theirs = port.element.name();
        return Err(EngineError::Model(format!(
            "{kind} {name} has the unsupported type {theirs}; supported: {known}"
        )));
    };
    Ok(TensorSpec { name: name.into(), dtype: Some(*dtype), shape: port.shape, required: true })
}
