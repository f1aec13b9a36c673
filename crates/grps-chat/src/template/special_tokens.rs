//! Texts of tokens that templates write.

use serde_json::{Map, Value};

/// Values of `bos_token` and the like, by these names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpecialTokens(Map<String, Value>);

impl SpecialTokens {
    /// Takes pairs such as `("bos_token", "<s>")`.
    pub fn new<'a>(tokens: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(tokens.into_iter().map(|(name, text)| (name.to_owned(), Value::from(text))).collect())
    }

    /// Reads all keys of a `tokenizer_config.json` that end in `_token`: texts, or objects with
    /// `content`.
    #[must_use]
    pub fn from_config(config: &Map<String, Value>) -> Self {
        let text = |value: &Value| match value {
            Value::String(_) => Some(value.clone()),
            Value::Object(fields) => fields.get("content").filter(|text| text.is_string()).cloned(),
            _ => None,
        };
        let tokens = config.iter().filter(|(name, _)| name.ends_with("_token"));
        Self(tokens.filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect())
    }

    /// The text of a token.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter()
    }
}
