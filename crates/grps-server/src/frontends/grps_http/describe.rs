//! Messages of models in JSON, for the description of the service.

use grps_core::{InputForm, TensorSpec};
use serde_json::{Value, json};

use super::declared::{Declared, DeclaredInput, Example};
use crate::admin::route_signature;
use crate::codec::WireType;
use crate::frontends::openapi::schema::{
    MAX_EXAMPLE_ELEMENTS, any_of, example, flat, list, named, nested, required_count, sizes,
};
use crate::frontends::shared::description::{ModelForms, ServedModel, TypedForms};

const JSON_OF_CODE: &str = "What the code of the model reads, or a message with it as str_data.";

/// The messages of predict calls.
pub(crate) const PREDICT_FORMS: TypedForms = TypedForms { kind: "predict", describe };

/// Describes the messages of a model. Only models that take tensors take what their signature says;
/// the code of the others decides itself.
fn describe(model: &ServedModel<'_>) -> ModelForms {
    let declared = Declared::of(model.route);
    let of_tensors = model.route.form() == InputForm::Tensors;
    let outputs = if of_tensors { route_signature::outputs(model.route) } else { Vec::new() };
    let response = match declared {
        Declared::Bytes | Declared::Text | Declared::Json => {
            json!({"allOf": [named("GrpsConverted")]})
        }
        _ => response(&outputs),
    };
    let with_model = |schema| with_model(model, schema);
    let (request, takes_bytes, message) = match &declared {
        Declared::Anything => (Some(with_model(named("GrpsInput"))), true, None),
        Declared::Bytes => (Some(with_model(named("GrpsFileInput"))), true, None),
        Declared::Text => {
            (Some(with_model(named("GrpsTextInput"))), false, Some(json!({"str_data": "text"})))
        }
        Declared::Json => (Some(json!({"description": JSON_OF_CODE})), false, None),
        Declared::Tensors(inputs) => (Some(with_model(request(inputs))), false, message(inputs)),
    };
    let name = model.names.first();
    let example = message.map(|mut message| {
        if let Some(name) = name {
            message["model"] = name.as_str().into();
        }
        message
    });
    ModelForms { request, takes_bytes, response, example }
}

/// A message with the name of its model.
fn with_model(model: &ServedModel<'_>, message: Value) -> Value {
    if model.names.is_empty() {
        return json!({"allOf": [message]});
    }
    let unnamed = [Value::Null, json!("")];
    let names = model.names.iter().map(|name| json!(name)).chain(unnamed);
    let name = json!({
        "description": "None: the one of the query, or else the default.",
        "enum": names.collect::<Vec<_>>(),
    });
    json!({"type": "object", "properties": {"model": name}, "allOf": [message]})
}

/// The fields with the tensors of a message.
fn request(inputs: &[DeclaredInput]) -> Value {
    let tensors = inputs_field(inputs);
    let mut fields = vec![json!({"properties": {"gtensors": tensors}, "required": ["gtensors"]})];
    if let [only] = inputs {
        // The array is read where there are no tensors.
        let none = any_of(vec![
            json!({"type": "null"}),
            json!({"type": "object", "properties": {"tensors": {"type": "array", "maxItems": 0}}}),
        ]);
        fields.push(json!({
            "properties": {"gtensors": none, "ndarray": nested(&only.spec)},
            "required": ["ndarray"],
        }));
    }
    any_of(fields)
}

fn inputs_field(inputs: &[DeclaredInput]) -> Value {
    let must_be_named = inputs.len() > 1;
    let tensors = inputs.iter().map(|input| {
        let mut schema = tensor(&input.spec, must_be_named);
        if !input.spec.required {
            // No keyword says it of one item of a list.
            schema["x-optional"] = true.into();
        }
        let example = input.example.as_ref().and_then(|example| with_example(&input.spec, example));
        if let Some(example) = example {
            schema["examples"] = json!([example]);
        }
        schema
    });
    let specs: Vec<TensorSpec> = inputs.iter().map(|input| input.spec.clone()).collect();
    gtensors(tensors.collect(), required_count(&specs))
}

fn response(outputs: &[TensorSpec]) -> Value {
    let Some(first) = outputs.first() else { return json!({"allOf": [named("GrpsResponse")]}) };
    let must_be_named = outputs.len() > 1;
    let tensors: Vec<Value> = outputs.iter().map(|spec| tensor(spec, must_be_named)).collect();
    json!({
        "type": "object",
        "properties": {
            "status": named("Status"),
            "gtensors": gtensors(tensors, outputs.len()),
            "ndarray": nested(first),
        },
        "required": ["status"],
    })
}

fn gtensors(tensors: Vec<Value>, required: usize) -> Value {
    json!({
        "type": "object",
        "properties": {"tensors": list(tensors, required)},
        "required": ["tensors"],
    })
}

fn tensor(spec: &TensorSpec, must_be_named: bool) -> Value {
    let name = json!({"const": &*spec.name});
    let mut required = vec!["dtype", "shape"];
    required.extend(must_be_named.then_some("name"));
    let properties = json!({"name": name, "shape": sizes(spec)});
    let Some(dtype) = spec.dtype else {
        return json!({"allOf": [named("Gtensor")], "properties": properties});
    };
    let Some(wire) = WireType::of(dtype) else {
        // Messages have no such elements.
        return json!({"title": dtype.name(), "properties": properties, "not": {}});
    };
    let elements = elements_field(wire);
    let items = TensorSpec { dtype: Some(wire.dtype()), ..spec.clone() };
    required.push(&elements);
    let mut schema = json!({"type": "object", "properties": properties, "required": required});
    schema["properties"]["dtype"] = json!({"enum": [wire.name(), wire.number()]});
    schema["properties"][&elements] = flat(&items);
    schema
}

/// The field with the elements of a type.
fn elements_field(wire: WireType) -> String {
    format!("flat_{}", wire.dtype().name())
}

/// An example of a request.
fn message(inputs: &[DeclaredInput]) -> Option<Value> {
    let tensor = |input: &DeclaredInput| match &input.example {
        Some(example) => with_example(&input.spec, example),
        None => {
            let wire = WireType::of(input.spec.dtype?)?;
            let spec = TensorSpec { dtype: Some(wire.dtype()), ..input.spec.clone() };
            let (shape, values) = example(&spec)?;
            Some(with_elements(&input.spec, wire, &shape, values))
        }
    };
    let required = inputs.iter().filter(|input| input.spec.required);
    let tensors = required.map(tensor).collect::<Option<Vec<_>>>()?;
    Some(json!({"gtensors": {"tensors": tensors}}))
}

/// The example of an input; `None` if it is long.
fn with_example(spec: &TensorSpec, example: &Example) -> Option<Value> {
    let wire = WireType::of(spec.dtype?)?;
    let count = example.shape.iter().try_fold(1usize, |count, size| count.checked_mul(*size))?;
    let values = match example.values.as_slice() {
        [one] if count <= MAX_EXAMPLE_ELEMENTS => vec![one.clone(); count],
        values if count == values.len() => values.to_vec(),
        _ => return None,
    };
    Some(with_elements(spec, wire, &example.shape, values.into()))
}

fn with_elements(spec: &TensorSpec, wire: WireType, shape: &[usize], values: Value) -> Value {
    let mut tensor = json!({"name": &*spec.name, "dtype": wire.name(), "shape": shape});
    tensor[elements_field(wire)] = values;
    tensor
}
