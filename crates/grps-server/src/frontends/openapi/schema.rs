//! JSON schemas of tensors, by what a model says of them.

use grps_core::{DataType, TensorSpec};
use serde_json::{Value, json};

/// Most elements of a tensor in an example.
pub(crate) const MAX_EXAMPLE_ELEMENTS: usize = 64;

/// A reference to a schema of the components.
pub(crate) fn named(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// One of several schemas.
pub(crate) fn any_of(mut schemas: Vec<Value>) -> Value {
    match schemas.len() {
        1 => schemas.remove(0),
        _ => json!({"anyOf": schemas}),
    }
}

/// A list of these things in this order, of which the last ones may be left out.
pub(crate) fn list(items: Vec<Value>, required: usize) -> Value {
    let count = items.len();
    let mut list = json!({"type": "array", "minItems": required, "maxItems": count});
    if count > 0 {
        list["prefixItems"] = items.into();
    }
    list
}

/// How many of these tensors a request must have.
pub(crate) fn required_count(specs: &[TensorSpec]) -> usize {
    specs.iter().rposition(|spec| spec.required).map_or(0, |last| last + 1)
}

/// An element.
pub(crate) fn element(dtype: Option<DataType>) -> Value {
    match dtype {
        None => json!({}),
        Some(DataType::Float16 | DataType::Bfloat16 | DataType::Float32 | DataType::Float64) => {
            named("float")
        }
        Some(dtype) => named(dtype.name()),
    }
}

/// An element of nested lists: booleans count as numbers, and numbers as texts.
pub(crate) fn lenient(dtype: Option<DataType>) -> Value {
    match dtype {
        None | Some(DataType::Bool) => element(dtype),
        Some(DataType::String) => {
            any_of(vec![element(dtype), json!({"type": ["number", "boolean"]})])
        }
        Some(_) => any_of(vec![element(dtype), json!({"type": "boolean"})]),
    }
}

/// The schemas of lists of any depth, by the names that [`flat_or_nested`] refers to.
pub(super) fn deep_lists() -> impl Iterator<Item = (String, Value)> {
    DataType::ALL.into_iter().map(|dtype| {
        let name = deep_list(dtype);
        let items = any_of(vec![lenient(Some(dtype)), named(&name)]);
        (name, json!({"type": "array", "items": items}))
    })
}

fn deep_list(dtype: DataType) -> String {
    format!("lists.{}", dtype.name())
}

/// The list with the sizes of a tensor.
pub(crate) fn sizes(spec: &TensorSpec) -> Value {
    let Some(shape) = &spec.shape else {
        return json!({"type": "array", "items": {"type": "integer", "minimum": 0}});
    };
    let size = |size: &Option<usize>| match size {
        Some(size) => json!({"const": size}),
        None => json!({"type": "integer", "minimum": 0}),
    };
    list(shape.iter().map(size).collect(), shape.len())
}

/// The flat list with the elements of a tensor.
pub(crate) fn flat(spec: &TensorSpec) -> Value {
    list_of(element(spec.dtype), element_count(spec))
}

/// Nested lists with the elements of a tensor.
pub(crate) fn nested(spec: &TensorSpec) -> Value {
    let Some(shape) = &spec.shape else { return named("Ndarray") };
    let inner = lenient(spec.dtype);
    shape.iter().rev().fold(inner, |inner, size| list_of(inner, *size))
}

/// The elements of a tensor beside its shape: in order, whatever lists they are in.
pub(crate) fn flat_or_nested(spec: &TensorSpec) -> Value {
    let Some((dtype, _)) = spec.dtype.zip(spec.shape.as_ref()) else { return json!({}) };
    let count = element_count(spec);
    let lists = json!({"type": "array", "items": named(&deep_list(dtype))});
    let mut kinds = vec![list_of(lenient(spec.dtype), count), lists];
    kinds.extend(count.is_none_or(|count| count == 1).then(|| lenient(spec.dtype)));
    any_of(kinds)
}

fn list_of(items: Value, count: Option<usize>) -> Value {
    match count {
        Some(count) => {
            json!({"type": "array", "items": items, "minItems": count, "maxItems": count})
        }
        None => json!({"type": "array", "items": items}),
    }
}

fn element_count(spec: &TensorSpec) -> Option<usize> {
    let mut sizes = spec.shape.as_ref()?.iter();
    sizes.try_fold(1, |count: usize, size| size.and_then(|size| count.checked_mul(size)))
}

/// The sizes and elements of a short example of a tensor; `None` if there is no short one.
pub(crate) fn example(spec: &TensorSpec) -> Option<(Vec<usize>, Value)> {
    let shape = spec.shape.as_ref()?;
    let sizes: Vec<usize> = shape.iter().map(|size| size.unwrap_or(1)).collect();
    let count = sizes.iter().try_fold(1usize, |count, size| count.checked_mul(*size))?;
    let value = match spec.dtype? {
        DataType::String => json!("text"),
        DataType::Bool => json!(true),
        _ => json!(1),
    };
    (count <= MAX_EXAMPLE_ELEMENTS).then(|| (sizes, vec![value; count].into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(shape: Option<Vec<Option<usize>>>) -> TensorSpec {
        TensorSpec { name: "x".into(), dtype: Some(DataType::Float32), shape, required: true }
    }

    #[test]
    fn shapes_limit_lists() {
        let fixed = spec(Some(vec![Some(2), Some(3)]));
        assert_eq!(flat(&fixed)["maxItems"], 6);
        let lists = nested(&fixed);
        assert_eq!((&lists["minItems"], &lists["items"]["minItems"]), (&json!(2), &json!(3)));
        assert_eq!(sizes(&fixed)["prefixItems"], json!([{"const": 2}, {"const": 3}]));
        let dynamic = spec(Some(vec![None, Some(3)]));
        assert!(flat(&dynamic).get("maxItems").is_none());
        assert_eq!(example(&dynamic), Some((vec![1, 3], json!([1, 1, 1]))));
        assert_eq!(example(&spec(Some(vec![Some(65)]))), None);
        assert!(example(&spec(Some(vec![Some(64)]))).is_some());
        assert_eq!(example(&spec(None)), None);
        let huge = spec(Some(vec![Some(usize::MAX), Some(2)]));
        assert!(flat(&huge).get("maxItems").is_none() && example(&huge).is_none());
    }
}
