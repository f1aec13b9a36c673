//! JSON as Python's `json.dumps` writes it, which models were trained on.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, State, Value};

use super::metered_text::{MeteredText, number_text};
use super::python_text::float_text;

/// How JSON is written.
pub(crate) struct Style {
    pub(crate) ascii_only: bool,
    /// What a line of a nested value begins with, per level; without it all is one line.
    pub(crate) indent: Option<String>,
    pub(crate) item_separator: String,
    pub(crate) key_separator: String,
    pub(crate) sorted: bool,
}

/// Writes a value as JSON.
pub(crate) fn to_json(state: &State, value: &Value, style: &Style) -> Result<String, Error> {
    let mut writer = Writer { style, written: MeteredText::new(state) };
    writer.value(value, 0)?;
    writer.written.finish()
}

struct Writer<'a, 'b, 'c> {
    style: &'a Style,
    written: MeteredText<'a, 'b, 'c>,
}

impl Writer<'_, '_, '_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        self.written.enter(depth)?;
        match value.kind() {
            ValueKind::None => self.written.text.push_str("null"),
            ValueKind::Bool => {
                self.written.text.push_str(if value.is_true() { "true" } else { "false" })
            }
            ValueKind::Number => self.written.text.push_str(&number_text(value, json_float)),
            ValueKind::String => self.string(value.as_str().unwrap_or_default()),
            ValueKind::Seq | ValueKind::Iterable => self.list(value, depth)?,
            ValueKind::Map => self.object(value, depth)?,
            kind => return Err(invalid(format!("tojson: {kind} can't be written as JSON"))),
        }
        Ok(())
    }

    fn string(&mut self, text: &str) {
        self.written.text.push('"');
        for character in text.chars() {
            match character {
                '"' => self.written.text.push_str("\\\""),
                '\\' => self.written.text.push_str("\\\\"),
                '\n' => self.written.text.push_str("\\n"),
                '\r' => self.written.text.push_str("\\r"),
                '\t' => self.written.text.push_str("\\t"),
                '\u{8}' => self.written.text.push_str("\\b"),
                '\u{c}' => self.written.text.push_str("\\f"),
                '\0'..='\u{1f}' => self.escape(character),
                _ if self.style.ascii_only && !character.is_ascii() => self.escape(character),
                _ => self.written.text.push(character),
            }
        }
        self.written.text.push('"');
    }

    fn escape(&mut self, character: char) {
        for unit in character.encode_utf16(&mut [0; 2]) {
            self.written.text.push_str(&format!("\\u{unit:04x}"));
        }
    }

    fn list(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        self.written.text.push('[');
        let mut empty = true;
        for item in value.try_iter()? {
            self.begin_item(&mut empty, depth);
            self.value(&item, depth + 1)?;
        }
        self.end_items(empty, depth, ']');
        Ok(())
    }

    fn object(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        self.written.text.push('{');
        let mut keys: Vec<Value> = value.try_iter()?.collect();
        if self.style.sorted {
            keys.sort();
        }
        let mut empty = true;
        for key in keys {
            self.begin_item(&mut empty, depth);
            match key.as_str() {
                Some(text) => self.string(text),
                None => {
                    self.written.text.push('"');
                    self.value(&key, depth + 1)?;
                    self.written.text.push('"');
                }
            }
            self.written.text.push_str(&self.style.key_separator);
            self.value(&value.get_item(&key)?, depth + 1)?;
        }
        self.end_items(empty, depth, '}');
        Ok(())
    }

    fn begin_item(&mut self, empty: &mut bool, depth: usize) {
        if !std::mem::take(empty) {
            self.written.text.push_str(&self.style.item_separator);
        }
        self.line(depth + 1);
    }

    fn end_items(&mut self, empty: bool, depth: usize, end: char) {
        if !empty {
            self.line(depth);
        }
        self.written.text.push(end);
    }

    fn line(&mut self, depth: usize) {
        if let Some(indent) = &self.style.indent {
            self.written.text.push('\n');
            self.written.text.push_str(&indent.repeat(depth));
        }
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

/// A number that may have no digits, which Python's JSON names as JavaScript does.
fn json_float(number: f64) -> String {
    if number.is_nan() {
        "NaN".into()
    } else if number.is_infinite() {
        if number > 0.0 { "Infinity".into() } else { "-Infinity".into() }
    } else {
        float_text(number)
    }
}
