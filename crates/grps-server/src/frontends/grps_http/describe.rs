//! Messages of models in JSON, for the description of the service.

use grps_core::{InputForm, TensorSpec};
use serde_json::{Value, json};

use crate::admin::route_signature;
use crate::codec::WireType;
use crate::frontends::openapi::schema::{
    any_of, example, flat, list, named, nested, required_count, sizes,
};
use crate::frontends::shared::description::{ModelForms, ServedModel, TypedForms};

/// The messages of predict calls.
pub(crate) const PREDICT_FORMS: TypedForms = TypedForms { kind: "predict", describe };

/// Describes the messages of a model. Only models that take tensors take what their signature says;
/// the code of the others decides itself.
fn describe(model: &ServedModel<'_>) -> ModelForms {
    let takes_tensors = model.route.form() == InputForm::Tensors;
    let known = |specs: Vec<TensorSpec>| if takes_tensors { specs } else { Vec::new() };
    let inputs = known(route_signature::inputs(model.route));
    let outputs = known(route_signature::outputs(model.route));
    ModelForms {
        request: request(model, &inputs),
        response: response(&outputs),
        example: message(model, &inputs),
    }
}

fn request(model: &ServedModel<'_>, inputs: &[TensorSpec]) -> Value {
    let mut properties = json!({});
    if let Some(own) = model.names.first() {
        let unnamed = [Value::Null, json!("")];
        let names = model.names.iter().map(|name| json!(name)).chain(unnamed);
        properties["model"] = json!({
            "description": "None: the one of the query, or else the default.",
            "enum": names.collect::<Vec<_>>(),
        });
        if model.is_default {
            properties["model"]["default"] = own.as_str().into();
        }
    }
    if inputs.is_empty() {
        let own = json!({"type": "object", "properties": properties});
        return json!({"allOf": [named("GrpsInput"), own]});
    }
    let tensors = gtensors(inputs, required_count(inputs));
    let mut fields = vec![json!({"properties": {"gtensors": tensors}, "required": ["gtensors"]})];
    if let [only] = inputs {
        // The array is read where there are no tensors.
        let none = any_of(vec![
            json!({"type": "null"}),
            json!({"type": "object", "properties": {"tensors": {"type": "array", "maxItems": 0}}}),
        ]);
        fields.push(json!({
            "properties": {"gtensors": none, "ndarray": nested(only)},
            "required": ["ndarray"],
        }));
    }
    let mut schema = any_of(fields);
    schema["type"] = "object".into();
    if let Some(model) = properties.get_mut("model") {
        schema["properties"]["model"] = model.take();
    }
    schema
}

fn response(outputs: &[TensorSpec]) -> Value {
    let Some(first) = outputs.first() else { return named("GrpsResponse") };
    json!({
        "type": "object",
        "properties": {
            "status": named("Status"),
            "gtensors": gtensors(outputs, outputs.len()),
            "ndarray": nested(first),
        },
        "required": ["status"],
    })
}

fn gtensors(specs: &[TensorSpec], required: usize) -> Value {
    let must_be_named = specs.len() > 1;
    let tensors = specs.iter().map(|spec| tensor(spec, must_be_named)).collect();
    json!({
        "type": "object",
        "properties": {"tensors": list(tensors, required)},
        "required": ["tensors"],
    })
}

fn tensor(spec: &TensorSpec, must_be_named: bool) -> Value {
    let Some(wire) = spec.dtype.and_then(WireType::of) else { return named("Gtensor") };
    let elements = elements_field(wire);
    let items = TensorSpec { dtype: Some(wire.dtype()), ..spec.clone() };
    let mut required = vec!["dtype", "shape", &elements];
    required.extend(must_be_named.then_some("name"));
    let mut schema = json!({
        "type": "object",
        "properties": {
            "name": {"const": &*spec.name},
            "dtype": {"enum": [wire.name(), wire.number()]},
            "shape": sizes(spec),
        },
        "required": required,
    });
    schema["properties"][&elements] = flat(&items);
    schema
}

/// The field with the elements of a type.
fn elements_field(wire: WireType) -> String {
    format!("flat_{}", wire.dtype().name())
}

/// An example of a request.
fn message(model: &ServedModel<'_>, inputs: &[TensorSpec]) -> Option<Value> {
    let tensor = |spec: &TensorSpec| {
        let wire = WireType::of(spec.dtype?)?;
        let spec = TensorSpec { dtype: Some(wire.dtype()), ..spec.clone() };
        let (shape, elements) = example(&spec)?;
        let mut tensor = json!({"name": &*spec.name, "dtype": wire.name(), "shape": shape});
        tensor[elements_field(wire)] = elements;
        Some(tensor)
    };
    let required = inputs.get(..required_count(inputs)).filter(|inputs| !inputs.is_empty())?;
    let tensors = required.iter().map(tensor).collect::<Option<Vec<_>>>()?;
    let mut message = json!({"gtensors": {"tensors": tensors}});
    if let Some(name) = model.names.first() {
        message["model"] = name.as_str().into();
    }
    Some(message)
}
