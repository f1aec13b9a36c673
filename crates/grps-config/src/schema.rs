//! The schema: what `grps/config` says, as `tools/configuration/schema.py` writes it.

use std::collections::HashMap;

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

/// All that files may say.
#[derive(Debug, Deserialize)]
pub(crate) struct Schema {
    structs: HashMap<String, Vec<Field>>,
    pub(crate) names: Names,
    /// Routes of every service.
    pub(crate) own_paths: Vec<String>,
    /// Routes of protocols that are off by default.
    pub(crate) optional_paths: HashMap<String, Vec<String>>,
}

/// Names of engines and converters.
#[derive(Debug, Deserialize)]
pub(crate) struct Names {
    pub(crate) built_in_converters: Vec<String>,
    /// Built-in converters that need `converter_path`, and what to give there.
    pub(crate) converter_paths: HashMap<String, String>,
    /// Engines whose models make steps.
    pub(crate) step_engines: Vec<String>,
    /// Engines whose GPU memory can be limited.
    pub(crate) memory_managers: Vec<String>,
    /// Those of them that give unused memory back.
    pub(crate) memory_collectors: Vec<String>,
    /// Parts of the names of headers that may have a secret.
    pub(crate) secret_header_parts: Vec<String>,
}

/// One key of a structure.
#[derive(Debug, Deserialize)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) required: bool,
    #[serde(default)]
    pub(crate) default: Value,
    pub(crate) kinds: Vec<Kind>,
}

/// What a value may be.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Kind {
    None,
    Section {
        #[serde(rename = "struct")]
        name: String,
        /// The key that a text in place of the section is the value of.
        #[serde(default)]
        short: Option<String>,
    },
    List {
        item: Box<Kind>,
    },
    Map {
        /// Whether all values are text.
        text: bool,
    },
    Choice {
        values: Vec<String>,
        expected: String,
    },
    Text {
        pattern: Option<String>,
        expected: Option<String>,
    },
    Bool {
        expected: String,
    },
    Whole {
        least: Option<i64>,
        most: Option<i64>,
        expected: String,
    },
    Number {
        least: Option<f64>,
        most: Option<f64>,
        expected: String,
    },
}

impl Kind {
    /// Any text.
    pub(crate) const TEXT: Self = Self::Text { pattern: None, expected: None };

    /// In words, what a scalar of this kind may be.
    pub(crate) fn expected(&self) -> &str {
        match self {
            Self::Choice { expected, .. }
            | Self::Bool { expected }
            | Self::Whole { expected, .. }
            | Self::Number { expected, .. } => expected,
            Self::Text { expected, .. } => expected.as_deref().unwrap_or("text"),
            Self::None | Self::Section { .. } | Self::List { .. } | Self::Map { .. } => "text",
        }
    }

    /// A value that is no text, in the form of this kind; `None` when it is not allowed.
    pub(crate) fn number(&self, value: &Value) -> Option<Value> {
        match self {
            Self::Bool { .. } => value.is_boolean().then(|| value.clone()),
            Self::Whole { least, most, .. } => {
                let number = value.as_i64().filter(|_| !value.is_f64())?;
                let fits = least.is_none_or(|least| number >= least)
                    && most.is_none_or(|most| number <= most);
                fits.then(|| value.clone())
            }
            Self::Number { least, most, .. } => {
                let number = value.as_f64()?;
                let fits = least.is_none_or(|least| number >= least)
                    && most.is_none_or(|most| number <= most);
                fits.then(|| Value::from(number))
            }
            _ => None,
        }
    }
}

impl Schema {
    /// The schema that this build was made with.
    pub(crate) fn load() -> Result<Self, serde_json::Error> {
        serde_json::from_str(include_str!("schema.json"))
    }

    pub(crate) fn fields(&self, name: &str) -> &[Field] {
        self.structs.get(name).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn text_fits(&self, text: &str, kind: &Kind) -> bool {
        match kind {
            Kind::Choice { values, .. } => values.iter().any(|value| value == text),
            Kind::Text { pattern: Some(pattern), .. } => {
                Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text))
            }
            _ => true,
        }
    }
}
