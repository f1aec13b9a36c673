//! The signature of a model in the words of the core.

use grps_core::{DataType, Naming, Signature, TensorSpec};
use grps_engine_api::tensorflow::Element;

use crate::common::EngineError;
use crate::tensorflow::savedmodel::{Chosen, TensorInfo};

/// Element types that are served, with TensorFlow's names.
const TYPES: [(&str, Element, DataType); 11] = [
    ("uint8", Element::UINT8, DataType::Uint8),
    ("int8", Element::INT8, DataType::Int8),
    ("int16", Element::INT16, DataType::Int16),
    ("int32", Element::INT32, DataType::Int32),
    ("int64", Element::INT64, DataType::Int64),
    ("float16", Element::HALF, DataType::Float16),
    ("float32", Element::FLOAT, DataType::Float32),
    ("float64", Element::DOUBLE, DataType::Float64),
    ("string", Element::STRING, DataType::String),
    ("bool", Element::BOOL, DataType::Bool),
    // float32 stands for it on the wire.
    ("bfloat16", Element::BFLOAT16, DataType::Float32),
];
/// Names of other types, by their numbers.
const OTHERS: [(i32, &str); 12] = [
    (8, "complex64"),
    (11, "qint8"),
    (12, "quint8"),
    (13, "qint32"),
    (15, "qint16"),
    (16, "quint16"),
    (17, "uint16"),
    (18, "complex128"),
    (20, "resource"),
    (21, "variant"),
    (22, "uint32"),
    (23, "uint64"),
];

/// The type of the core that stands for one of TensorFlow.
pub(super) fn dtype_of(element: Element) -> Option<DataType> {
    TYPES.iter().find(|(_, theirs, _)| *theirs == element).map(|(_, _, ours)| *ours)
}

/// The inputs and outputs of a model.
///
/// # Errors
/// Some have a type that is not served.
pub(super) fn signature_of(chosen: &Chosen) -> Result<Signature, EngineError> {
    let specs = |kind, infos: &[(String, TensorInfo)]| {
        infos.iter().map(|(name, info)| spec_of(kind, name, info)).collect::<Result<Vec<_>, _>>()
    };
    Ok(Signature {
        inputs: specs("input", &chosen.inputs)?,
        outputs: specs("output", &chosen.outputs)?,
        naming: Naming::Strict,
    })
}

fn spec_of(kind: &str, name: &str, info: &TensorInfo) -> Result<TensorSpec, EngineError> {
    if info.tensor.is_none() {
        return Err(EngineError::Model(format!(
            "{kind} {name} is sparse or composite; only dense tensors are served"
        )));
    }
    let Some(dtype) = dtype_of(Element::numbered(info.dtype)) else {
        let known = TYPES.map(|(name, ..)| name).join(", ");
        let named = OTHERS.iter().find(|(number, _)| *number == info.dtype);
        let theirs = named.map_or_else(|| info.dtype.to_string(), |(_, name)| (*name).to_owned());
        return Err(EngineError::Model(format!(
            "{kind} {name} has the unsupported type {theirs}; supported: {known}"
        )));
    };
    Ok(TensorSpec {
        name: name.into(),
        dtype: Some(dtype),
        shape: info.shape.clone(),
        required: true,
    })
}
