//! Types and shapes of inputs that the user declares because the file lacks them, and the outputs that
//! follow; as `grps/backends/common/declared_inputs.py` and `learned_outputs.py`.

use std::collections::BTreeMap;

use grps_core::{DataType, Signature, Tensor, TensorSpec};

use crate::common::{EngineError, Runs, zeros_of};

/// Element types that models declare.
const TYPES: [DataType; 10] = [
    DataType::Bool,
    DataType::Uint8,
    DataType::Int8,
    DataType::Int16,
    DataType::Int32,
    DataType::Int64,
    DataType::Float16,
    DataType::Float32,
    DataType::Float64,
    DataType::String,
];

/// Adds what the user declares of inputs, such as `float32[-1, 3, 224, 224]`.
///
/// # Errors
/// There is no such input, or the text is wrong.
pub(super) fn declare_inputs(
    signature: &mut Signature,
    declared: &BTreeMap<String, String>,
) -> Result<(), EngineError> {
    let failed = |fault: String| EngineError::Model(format!("inferer_args: inputs: {fault}"));
    for (name, text) in declared {
        let known: Vec<_> = signature.inputs.iter().map(|spec| spec.name.to_string()).collect();
        let spec = signature.inputs.iter_mut().find(|spec| *spec.name == **name);
        let Some(spec) = spec else {
            let known = if known.is_empty() {
                "none that have a name".to_owned()
            } else {
                known.join(", ")
            };
            return Err(failed(format!("no input is called '{name}'; there are {known}")));
        };
        let Some((dtype, shape)) = read(text) else {
            let types = TYPES.map(DataType::name).join(", ");
            return Err(failed(format!(
                "{name}: '{text}' is not a type and a shape such as float32[-1, 3, 224, 224]; \
                 types: {types}"
            )));
        };
        (spec.dtype, spec.shape) = (Some(dtype), Some(shape));
    }
    Ok(())
}

/// The outputs of a model whose inputs have types and shapes; `None` when the inputs lack them or the
/// model refuses zeros.
///
/// It runs on one row and on two: what differs then is the number of rows.
pub(super) fn learn_outputs(
    inputs: &[TensorSpec],
    model: &mut dyn Runs,
) -> Option<Vec<TensorSpec>> {
    let needed: Vec<_> = inputs.iter().filter(|spec| spec.required).collect();
    let is_known = |shape: &Vec<Option<usize>>| shape.iter().skip(1).all(Option::is_some);
    if !needed.iter().all(|spec| spec.shape.as_ref().is_some_and(is_known)) {
        return None;
    }
    let mut run = |rows| {
        let zeros: Option<Vec<_>> = needed.iter().map(|spec| zeros_of(spec, rows)).collect();
        model.run(&zeros?).ok()
    };
    let (one, two) = (run(1)?, run(2)?);
    let pairs = one.iter().zip(&two);
    (one.len() == two.len()).then(|| pairs.map(|(one, two)| learned(one, two)).collect())
}

fn learned(one: &Tensor, two: &Tensor) -> TensorSpec {
    let pairs = one.shape().iter().zip(two.shape());
    let shape = pairs.map(|(one, two)| (one == two).then_some(*one)).collect();
    TensorSpec {
        name: one.name().into(),
        dtype: Some(one.dtype()).filter(|dtype| TYPES.contains(dtype)),
        shape: Some(shape).filter(|_| one.shape().len() == two.shape().len()),
        required: true,
    }
}

/// A type and a shape.
fn read(text: &str) -> Option<(DataType, Vec<Option<usize>>)> {
    let (name, rest) = text.trim().split_once('[')?;
    let sizes = rest.strip_suffix(']')?.trim();
    let dtype = TYPES.into_iter().find(|dtype| dtype.name() == name.trim_end())?;
    if sizes.is_empty() {
        return Some((dtype, Vec::new()));
    }
    let size = |size: &str| match size.trim() {
        "-1" => Some(None),
        size => size.parse::<usize>().ok().filter(|size| *size > 0).map(Some),
    };
    Some((dtype, sizes.split(',').map(size).collect::<Option<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_shapes_are_read() {
        let shape = vec![None, Some(3), Some(224)];
        assert_eq!(read(" float32 [-1, 3,224]"), Some((DataType::Float32, shape)));
        assert_eq!(read("bool[]"), Some((DataType::Bool, Vec::new())));
        for wrong in ["float32", "float[1]", "float32[0]", "float32[1", "float32[a]", "float32[1,]"]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
