//! The fields of a JSON object, taken one by one; each error names its field.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::values::{expect_object, expect_string, kind_of};
use crate::error::{ApiError, ErrorKind};
use crate::limits::Limits;

/// An object of a request. Values are moved out of it, as prompts may be large. Fields that nobody
/// takes are ignored: clients send more than a server knows. Null is the same as absent.
#[derive(Debug)]
pub(crate) struct Fields {
    /// Where the object is, as `messages[0]`; empty for the request itself.
    path: String,
    values: Map<String, Value>,
}

impl Fields {
    /// Reads the body of a request. The parser refuses more than 127 levels.
    pub(crate) fn read(body: &[u8], limits: &Limits) -> Result<Self, ApiError> {
        if body.len() > limits.body_bytes {
            let (bytes, limit) = (body.len(), limits.body_bytes);
            let message = format!("The body has {bytes} bytes, at most {limit} are allowed.");
            return Err(ApiError::new(ErrorKind::TooLarge, message));
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(values)) => Ok(Self { path: String::new(), values }),
            Ok(other) => {
                let message = format!("The body must be a JSON object, not {}.", kind_of(&other));
                Err(ApiError::new(ErrorKind::InvalidRequest, message))
            }
            Err(error) => {
                let message = format!("The body is not valid JSON: {error}.");
                Err(ApiError::new(ErrorKind::InvalidRequest, message))
            }
        }
    }

    /// Takes a value that must be an object.
    pub(crate) fn of(value: Value, path: impl Into<String>) -> Result<Self, ApiError> {
        let path = path.into();
        let values = expect_object(value, &path)?;
        Ok(Self { path, values })
    }

    /// The full name of a field.
    pub(crate) fn param(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// An error of a field.
    pub(crate) fn invalid(&self, name: &str, message: impl Into<String>) -> ApiError {
        ApiError::invalid(self.param(name), message)
    }

    /// A field that must be there is not.
    pub(crate) fn missing(&self, name: &str) -> ApiError {
        let param = self.param(name);
        let message = format!("'{param}' is missing.");
        ApiError::invalid(param, message)
    }

    /// Takes a value of any type.
    pub(crate) fn value(&mut self, name: &str) -> Option<Value> {
        self.values.remove(name).filter(|value| !value.is_null())
    }

    /// Whether a field is there and says something.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(|value| !value.is_null())
    }

    /// Looks at a value that stays.
    pub(crate) fn peek(&self, name: &str) -> Option<&Value> {
        self.values.get(name).filter(|value| !value.is_null())
    }

    fn wrong_type(&self, name: &str, expected: &str, found: &Value) -> ApiError {
        let param = self.param(name);
        let message = format!("'{param}' must be {expected}, not {}.", kind_of(found));
        ApiError::invalid(param, message)
    }

    pub(crate) fn string(&mut self, name: &str) -> Result<Option<String>, ApiError> {
        self.value(name).map(|value| expect_string(value, &self.param(name))).transpose()
    }

    pub(crate) fn required_string(&mut self, name: &str) -> Result<String, ApiError> {
        match self.string(name)? {
            Some(text) if !text.is_empty() => Ok(text),
            Some(_) => Err(self.invalid(name, format!("'{}' is empty.", self.param(name)))),
            None => Err(self.missing(name)),
        }
    }

    pub(crate) fn boolean(&mut self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(other) => Err(self.wrong_type(name, "a boolean", &other)),
        }
    }

    /// An integer of a range; 5.0 is one.
    pub(crate) fn integer(
        &mut self,
        name: &str,
        range: RangeInclusive<i64>,
    ) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let Some(number) = as_integer(&value) else {
            return Err(self.wrong_type(name, "an integer", &value));
        };
        if range.contains(&number) {
            return Ok(Some(number));
        }
        Err(self.out_of_range(name, &value, range.start(), range.end()))
    }

    /// An integer from `minimum` to the largest that 32 bits can represent.
    pub(crate) fn count(&mut self, name: &str, minimum: u32) -> Result<Option<u32>, ApiError> {
        let number = self.integer(name, i64::from(minimum)..=i64::from(u32::MAX))?;
        Ok(number.and_then(|number| u32::try_from(number).ok()))
    }

    pub(crate) fn number(
        &mut self,
        name: &str,
        range: RangeInclusive<f32>,
    ) -> Result<Option<f32>, ApiError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let Some(number) = value.as_f64() else {
            return Err(self.wrong_type(name, "a number", &value));
        };
        // The limits are compared as they were sent: 2.00000001 is above 2.
        if (f64::from(*range.start())..=f64::from(*range.end())).contains(&number) {
            return Ok(Some(number as f32));
        }
        Err(self.out_of_range(name, &value, range.start(), range.end()))
    }

    /// A number above 0.
    pub(crate) fn positive(&mut self, name: &str, highest: f32) -> Result<Option<f32>, ApiError> {
        match self.peek(name).and_then(Value::as_f64) {
            Some(number) if number as f32 <= 0.0 || number > f64::from(highest) => {
                let param = self.param(name);
                let message = format!("'{param}' must be above 0, at most {highest}.");
                Err(ApiError::invalid(param, message))
            }
            _ => self.number(name, 0.0..=highest),
        }
    }

    fn out_of_range(
        &self,
        name: &str,
        value: &Value,
        low: impl std::fmt::Display,
        high: impl std::fmt::Display,
    ) -> ApiError {
        let param = self.param(name);
        let message = format!("'{param}' must be from {low} to {high}, not {value}.");
        ApiError::invalid(param, message)
    }

    pub(crate) fn array(&mut self, name: &str) -> Result<Option<Vec<Value>>, ApiError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Array(values)) => Ok(Some(values)),
            Some(other) => Err(self.wrong_type(name, "an array", &other)),
        }
    }

    pub(crate) fn object(&mut self, name: &str) -> Result<Option<Map<String, Value>>, ApiError> {
        self.value(name).map(|value| expect_object(value, &self.param(name))).transpose()
    }

    /// An object whose fields are taken one by one.
    pub(crate) fn fields(&mut self, name: &str) -> Result<Option<Self>, ApiError> {
        self.value(name).map(|value| Self::of(value, self.param(name))).transpose()
    }

    /// A list of strings, or one string.
    pub(crate) fn strings(&mut self, name: &str) -> Result<Vec<String>, ApiError> {
        match self.value(name) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text]),
            Some(Value::Array(values)) => {
                let param = self.param(name);
                let strings = values.into_iter().enumerate();
                strings.map(|(i, value)| expect_string(value, &format!("{param}[{i}]"))).collect()
            }
            Some(other) => Err(self.wrong_type(name, "a string or an array of strings", &other)),
        }
    }
}

/// The integer that a value is, also if it is written as 5.0.
fn as_integer(value: &Value) -> Option<i64> {
    let exact = |number: &f64| number.fract() == 0.0 && number.abs() < 9e15;
    value.as_i64().or_else(|| value.as_f64().filter(exact).map(|number| number as i64))
}
