//! Single JSON values that must have a type.

use serde_json::{Map, Value};

use crate::error::ApiError;

/// What a value is, for texts of errors.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn wrong_type(param: &str, expected: &str, found: &Value) -> ApiError {
    ApiError::invalid(param, format!("'{param}' must be {expected}, not {}.", kind_of(found)))
}

pub(crate) fn expect_string(value: Value, param: &str) -> Result<String, ApiError> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(wrong_type(param, "a string", &other)),
    }
}

pub(crate) fn expect_object(value: Value, param: &str) -> Result<Map<String, Value>, ApiError> {
    match value {
        Value::Object(map) => Ok(map),
        other => Err(wrong_type(param, "an object", &other)),
    }
}

/// Token ids, at least one.
pub(crate) fn expect_tokens(values: &[Value], param: &str) -> Result<Vec<u32>, ApiError> {
    if values.is_empty() {
        return Err(ApiError::invalid(param, format!("'{param}' is empty.")));
    }
    let read = |(index, value): (usize, &Value)| {
        value.as_u64().and_then(|id| u32::try_from(id).ok()).ok_or_else(|| {
            let param = format!("{param}[{index}]");
            let message = format!("'{param}' must be a token id, not {value}.");
            ApiError::invalid(param, message)
        })
    };
    values.iter().enumerate().map(read).collect()
}
