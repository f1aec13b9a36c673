//! What generated text must be.

use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::reading::{Fields, expect_string, kind_of};

/// The form of the generated text.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum OutputFormat {
    /// Any text.
    #[default]
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON of a schema.
    JsonSchema {
        /// Its name, for the prompt.
        name: Option<String>,
        /// The schema.
        schema: Value,
        /// The client asked for exactly this schema; without it the model may be freer.
        strict: bool,
    },
    /// Text that a regular expression matches as a whole.
    Regex(String),
    /// Text of a grammar in the syntax of Lark or EBNF.
    Grammar(String),
    /// One of several texts.
    Choice(Vec<String>),
}

impl OutputFormat {
    /// Reads `response_format`, `structured_outputs` and the older `guided_…` of vLLM.
    pub(crate) fn read(fields: &mut Fields) -> Result<Self, ApiError> {
        let mut found: Vec<(&'static str, Self)> = Vec::new();
        if let Some(format) = fields.fields("response_format")? {
            match Self::read_type(format, "json_schema")? {
                Self::Text => {}
                format => found.push(("response_format", format)),
            }
        }
        if let Some(mut outputs) = fields.fields("structured_outputs")? {
            let names = ["json", "regex", "grammar", "choice", "json_object"];
            for format in Self::read_named(&mut outputs, names)? {
                found.push(("structured_outputs", format));
            }
        }
        let names = [
            "guided_json",
            "guided_regex",
            "guided_grammar",
            "guided_choice",
            "guided_json_object",
        ];
        for format in Self::read_named(fields, names)? {
            found.push(("guided_json", format));
        }
        match found.len() {
            0 => Ok(Self::Text),
            1 => Ok(found.swap_remove(0).1),
            _ => Err(fields.invalid(found[1].0, "Only one format of the output is allowed.")),
        }
    }

    /// Reads `{"type": …}`. The schema is in the field `nested`, or beside the type if that is
    /// empty, as responses have it.
    pub(crate) fn read_type(mut format: Fields, nested: &str) -> Result<Self, ApiError> {
        match format.required_string("type")?.as_str() {
            "text" => Ok(Self::Text),
            "json_object" => Ok(Self::JsonObject),
            "json_schema" if nested.is_empty() => Self::read_schema(format),
            "json_schema" => {
                let schema = format.fields(nested)?;
                Self::read_schema(schema.ok_or_else(|| format.missing(nested))?)
            }
            other => {
                let message =
                    format!("'{other}' is none of 'text', 'json_object' and 'json_schema'.");
                Err(format.invalid("type", message))
            }
        }
    }

    fn read_schema(mut fields: Fields) -> Result<Self, ApiError> {
        let name = fields.string("name")?;
        let strict = fields.boolean("strict")?.unwrap_or(false);
        let schema = match fields.value("schema") {
            None => Value::Object(Map::new()),
            Some(schema) => expect_schema(schema, &fields.param("schema"))?,
        };
        Ok(Self::JsonSchema { name, schema, strict })
    }

    /// Reads the formats that are not of OpenAI: schema, regular expression, grammar, choice and
    /// object have the given names.
    fn read_named(fields: &mut Fields, names: [&str; 5]) -> Result<Vec<Self>, ApiError> {
        let [json, regex, grammar, choice, object] = names;
        let mut found = Vec::new();
        if let Some(schema) = fields.value(json) {
            let schema = expect_schema(schema, &fields.param(json))?;
            found.push(Self::JsonSchema { name: None, schema, strict: true });
        }
        found.extend(fields.string(regex)?.map(Self::Regex));
        found.extend(fields.string(grammar)?.map(Self::Grammar));
        if let Some(values) = fields.array(choice)? {
            let param = fields.param(choice);
            if values.is_empty() {
                return Err(ApiError::invalid(param, "At least one choice is needed."));
            }
            let texts = values.into_iter().map(|value| expect_string(value, &param));
            found.push(Self::Choice(texts.collect::<Result<_, _>>()?));
        }
        if fields.boolean(object)?.unwrap_or(false) {
            found.push(Self::JsonObject);
        }
        Ok(found)
    }
}

/// A schema is an object, a boolean, or the text of one.
fn expect_schema(value: Value, param: &str) -> Result<Value, ApiError> {
    let parsed = match value {
        Value::String(text) => serde_json::from_str(&text).map_err(|error| {
            ApiError::invalid(param, format!("'{param}' is not valid JSON: {error}."))
        })?,
        other => other,
    };
    match parsed {
        Value::Object(_) | Value::Bool(_) => Ok(parsed),
        other => {
            let kind = kind_of(&other);
            Err(ApiError::invalid(param, format!("'{param}' must be a JSON schema, not {kind}.")))
        }
    }
}
