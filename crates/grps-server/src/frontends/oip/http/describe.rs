//! Requests and responses of models in JSON, for the description of the service.

use grps_core::{DataType, InputForm, TensorSpec};
use serde_json::{Map, Value, json};

use crate::admin::route_signature;
use crate::frontends::oip::inference::data_type;
use crate::frontends::openapi::schema::{
    any_of, element, example, flat_or_nested, lenient, list, named, required_count, sizes,
};
use crate::frontends::shared::description::{ModelForms, ServedModel, TypedForms};
use crate::frontends::shared::inference::content::inputs;

/// The bodies of `infer`.
pub(super) const INFER_FORMS: TypedForms = TypedForms { kind: "infer", describe: infer };
/// The bodies of `generate` and `generate_stream`.
pub(super) const GENERATE_FORMS: TypedForms = TypedForms { kind: "generate", describe: generate };

fn infer(model: &ServedModel<'_>) -> ModelForms {
    let inputs = inputs(model.route);
    let outputs = outputs(model);
    ModelForms {
        request: Some(request(&inputs, &outputs)),
        takes_bytes: false,
        response: response(&outputs),
        example: infer_example(&inputs),
    }
}

/// The outputs, if the code of the model can't return others.
fn outputs(model: &ServedModel<'_>) -> Vec<TensorSpec> {
    let is_fixed = model.route.form() == InputForm::Tensors;
    if is_fixed { route_signature::outputs(model.route) } else { Vec::new() }
}

fn request(inputs: &[TensorSpec], outputs: &[TensorSpec]) -> Value {
    if inputs.is_empty() {
        return named("OipRequest");
    }
    let names: Vec<&str> = outputs.iter().map(|spec| &*spec.name).collect();
    let name = if names.is_empty() { json!({"type": "string"}) } else { json!({"enum": names}) };
    let output = json!({
        "type": "object",
        "properties": {"name": name, "parameters": named("OipParameters")},
        "required": ["name"],
    });
    json!({
        "type": "object",
        "properties": {
            "id": {"type": ["string", "null"]},
            "parameters": named("OipParameters"),
            "inputs": list(inputs.iter().map(tensor).collect(), required_count(inputs)),
            "outputs": {"type": ["array", "null"], "items": output},
        },
        "required": ["inputs"],
    })
}

fn response(outputs: &[TensorSpec]) -> Value {
    if outputs.is_empty() {
        return named("OipResponse");
    }
    let mut tensors: Vec<Value> = outputs.iter().map(tensor).collect();
    tensors.push(named("OipClasses"));
    let mut own = json!({"outputs": {"type": "array", "items": any_of(tensors)}});
    for field in ["model_name", "model_version", "id"] {
        own[field] = json!({"type": "string"});
    }
    let required = ["model_name", "model_version", "outputs"];
    json!({"type": "object", "properties": own, "required": required})
}

/// A tensor whose elements are in JSON, or somewhere else by its parameters.
fn tensor(spec: &TensorSpec) -> Value {
    let Some(dtype) = spec.dtype else { return named("OipTensor") };
    json!({
        "type": "object",
        "properties": {
            "name": {"const": &*spec.name},
            "datatype": {"const": data_type::name_of(dtype)},
            "shape": sizes(spec),
            "parameters": named("OipParameters"),
            "data": flat_or_nested(spec),
        },
        "required": ["name", "datatype", "shape"],
        "anyOf": [{"required": ["data"]}, {"required": ["parameters"]}],
    })
}

fn infer_example(inputs: &[TensorSpec]) -> Option<Value> {
    let tensor = |spec: &TensorSpec| {
        let (shape, data) = example(spec)?;
        let datatype = data_type::name_of(spec.dtype?);
        Some(json!({"name": &*spec.name, "datatype": datatype, "shape": shape, "data": data}))
    };
    let required = inputs.get(..required_count(inputs)).filter(|inputs| !inputs.is_empty())?;
    let tensors = required.iter().map(tensor).collect::<Option<Vec<_>>>()?;
    Some(json!({"inputs": tensors}))
}

fn generate(model: &ServedModel<'_>) -> ModelForms {
    let inputs = inputs(model.route);
    let response = named("OipGenerateResponse");
    if inputs.is_empty() {
        let request = Some(named("OipGenerateRequest"));
        return ModelForms { request, takes_bytes: false, response, example: None };
    }
    let fields: Map<String, Value> =
        inputs.iter().map(|spec| (spec.name.to_string(), value(spec))).collect();
    let required: Vec<&str> =
        inputs.iter().filter(|spec| spec.required).map(|spec| &*spec.name).collect();
    let request = json!({"type": "object", "properties": fields, "required": required});
    let values = inputs.iter().filter(|spec| spec.required).map(|spec| {
        let (shape, data) = example(spec)?;
        // A flat list has one dimension.
        let is_flat = shape.iter().rev().skip(1).all(|size| *size == 1);
        is_flat.then(|| (spec.name.to_string(), data))
    });
    let example = values.collect::<Option<Map<String, Value>>>().map(Value::from);
    ModelForms { request: Some(request), takes_bytes: false, response, example }
}

/// The value of an input: dimensions of the size 1 may be left out.
fn value(spec: &TensorSpec) -> Value {
    let Some(shape) = &spec.shape else { return json!({}) };
    let scalar = match spec.dtype {
        // A number becomes a text.
        Some(DataType::String) => any_of(vec![element(spec.dtype), json!({"type": "number"})]),
        dtype => lenient(dtype),
    };
    let nested = |sizes: &[Option<usize>]| {
        sizes.iter().rev().fold(scalar.clone(), |items, size| {
            let mut list = json!({"type": "array", "items": items});
            list["minItems"] = size.unwrap_or(usize::from(shape.len() > 1)).into();
            if let Some(size) = size {
                list["maxItems"] = (*size).into();
            }
            list
        })
    };
    let mut kinds = vec![nested(shape)];
    let mut rest = shape.as_slice();
    while let [None | Some(1), inner @ ..] = rest {
        rest = inner;
        kinds.push(nested(rest));
    }
    any_of(kinds)
}
