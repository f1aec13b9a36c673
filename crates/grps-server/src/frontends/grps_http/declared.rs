//! What models say of their inputs, for the description of the service.

use grps_core::{DataType, InputForm, RawBody, Route, TensorSpec};
use serde_json::Value;

use crate::admin::route_signature;
use crate::frontends::shared::inference::content::read_by_converter;

/// What the requests of a model have.
pub(super) enum Declared {
    /// Whatever the code of the model reads.
    Anything,
    /// A file or another body, as it is.
    Bytes,
    /// A text.
    Text,
    /// JSON that the code of the model reads.
    Json,
    /// These tensors.
    Tensors(Vec<DeclaredInput>),
}

/// An input that a request may have.
pub(super) struct DeclaredInput {
    pub(super) spec: TensorSpec,
    /// Its example, where it is not what anyone would guess.
    pub(super) example: Option<Example>,
}

/// Sizes and elements that an input takes; one element stands for all.
pub(super) struct Example {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<Value>,
}

impl Declared {
    /// What the requests of a route have.
    pub(super) fn of(route: &Route) -> Self {
        match read_by_converter(route) {
            Some(RawBody::Bytes | RawBody::Http) => return Self::Bytes,
            Some(RawBody::Text) => return Self::Text,
            Some(RawBody::Json) => return Self::Json,
            None => {}
        }
        let described = described(route).unwrap_or_default();
        let (specs, is_known) = if route.form() == InputForm::Tensors {
            let specs = route_signature::inputs(route);
            let has_none = described["inputs"].as_array().is_some_and(Vec::is_empty);
            let is_known = !specs.is_empty() || has_none;
            (specs, is_known)
        } else if described["converter_type"] == "labels" {
            let inputs = described["inputs"].as_array().map_or(&[][..], Vec::as_slice);
            (inputs.iter().filter_map(spec_of).collect(), !inputs.is_empty())
        } else {
            (Vec::new(), false)
        };
        if !is_known {
            return Self::Anything;
        }
        let declare = |spec: TensorSpec| {
            let inputs = described["inputs"].as_array();
            let own = inputs.and_then(|all| all.iter().find(|one| one["name"] == *spec.name));
            DeclaredInput { example: own.and_then(example_of), spec }
        };
        Self::Tensors(specs.into_iter().map(declare).collect())
    }
}

/// What a model says of itself; `None` for a graph.
fn described(route: &Route) -> Option<Value> {
    let [model] = route.models() else { return None };
    let model = Some(model).filter(|_| route.graph().is_none())?;
    serde_json::from_str(&model.spec().description).ok()
}

fn spec_of(input: &Value) -> Option<TensorSpec> {
    let dtype = input["dtype"].as_str();
    let size = |size: &Value| size.as_u64().and_then(|size| usize::try_from(size).ok());
    Some(TensorSpec {
        name: input["name"].as_str()?.into(),
        dtype: DataType::ALL.into_iter().find(|one| dtype == Some(one.name())),
        shape: input["shape"].as_array().map(|shape| shape.iter().map(size).collect()),
        required: input["optional"] != true,
    })
}

fn example_of(input: &Value) -> Option<Example> {
    let example = &input["example"];
    let values = example["values"].as_array().filter(|values| !values.is_empty())?;
    let shape = example["shape"].as_array()?.iter();
    let shape = shape.map(|size| usize::try_from(size.as_u64()?).ok());
    Some(Example { shape: shape.collect::<Option<_>>()?, values: values.clone() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn inputs_are_read_as_models_describe_them() {
        let input = json!({
            "name": "x",
            "dtype": "int64",
            "shape": [-1, 2],
            "optional": true,
            "example": {"shape": [1, 2], "values": [7]},
        });
        let spec = spec_of(&input).unwrap();
        assert_eq!((&*spec.name, spec.dtype), ("x", Some(DataType::Int64)));
        assert_eq!((spec.shape, spec.required), (Some(vec![None, Some(2)]), false));
        let example = example_of(&input).unwrap();
        assert_eq!((example.shape, example.values), (vec![1, 2], vec![json!(7)]));
        let bare = json!({"name": "x", "example": {"shape": [1], "values": []}});
        assert!(spec_of(&bare).unwrap().required && example_of(&bare).is_none());
        assert!(spec_of(&json!({})).is_none());
    }
}
