//! The signature of a model in the words of the core.

use grps_core::{DataType, Naming, Signature, TensorSpec};
use ort::session::Session;
use ort::value::{Outlet, TensorElementType, ValueType};

use crate::common::EngineError;

/// Element types that are served.
const TYPES: [(TensorElementType, DataType); 10] = [
    (TensorElementType::Uint8, DataType::Uint8),
    (TensorElementType::Int8, DataType::Int8),
    (TensorElementType::Int16, DataType::Int16),
    (TensorElementType::Int32, DataType::Int32),
    (TensorElementType::Int64, DataType::Int64),
    (TensorElementType::Float16, DataType::Float16),
    (TensorElementType::Float32, DataType::Float32),
    (TensorElementType::Float64, DataType::Float64),
    (TensorElementType::String, DataType::String),
    (TensorElementType::Bool, DataType::Bool),
];

/// The inputs and outputs of a model.
///
/// # Errors
/// Some have a type that is not served here.
pub(super) fn signature_of(session: &Session) -> Result<Signature, EngineError> {
    let specs = |kind, outlets: &[Outlet]| {
        outlets.iter().map(|outlet| spec_of(kind, outlet)).collect::<Result<Vec<_>, _>>()
    };
    Ok(Signature {
        inputs: specs("input", session.inputs())?,
        outputs: specs("output", session.outputs())?,
        naming: Naming::Strict,
    })
}

fn spec_of(kind: &str, outlet: &Outlet) -> Result<TensorSpec, EngineError> {
    let name = outlet.name();
    let ValueType::Tensor { ty, shape, .. } = outlet.dtype() else {
        return Err(EngineError::NeedsPython(format!("{kind} {name}, which is no tensor,")));
    };
    let Some((_, dtype)) = TYPES.iter().find(|(theirs, _)| theirs == ty) else {
        let known = TYPES.map(|(_, ours)| ours.name()).join(", ");
        return Err(EngineError::Model(format!(
            "{kind} {name} has the unsupported type {ty}; supported: {known}"
        )));
    };
    let dims: Vec<_> = shape.iter().map(|dim| usize::try_from(*dim).ok()).collect();
    Ok(TensorSpec {
        name: name.into(),
        dtype: Some(*dtype),
        // ONNX Runtime shows a scalar and an unknown rank alike, as no dimensions.
        shape: Some(dims).filter(|dims| !dims.is_empty()),
        required: true,
    })
}
