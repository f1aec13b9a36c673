//! Reading of a YAML document along the schema.
//!
//! The schema decides: which keys exist, which values are text (so that `version: 1.0` stays `1.0`)
//! and what is allowed. Empty values (null) stand for the default.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::document::{Document, Entry, Node, NodeKind};
use crate::error::ConfigError;
use crate::schema::{Field, Kind, Schema};
use crate::suggest::hint;
use crate::text::{quoted, short};

/// Largest value of a key that takes a whole number.
const MAX_NUMBER: i64 = (1 << 53) - 1;

/// Reads one document along one structure and remembers the line of every key.
pub(crate) struct Reader<'a> {
    document: Document,
    schema: &'a Schema,
    lines: HashMap<String, usize>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(document: Document, schema: &'a Schema) -> Self {
        Self { document, schema, lines: HashMap::from([(String::new(), 1)]) }
    }

    pub(crate) fn document(&self) -> &Document {
        &self.document
    }

    /// Checks the document against a structure; returns all of its values, defaults included.
    pub(crate) fn read(&mut self, root: &str) -> Result<Value, ConfigError> {
        let fields = self.schema.fields(root);
        match self.document.root.clone() {
            Some(node) if !node.is_null() => self.section(&node, fields, ""),
            _ => {
                let empty = Node { line: 1, kind: NodeKind::Mapping(Vec::new()) };
                self.section(&empty, fields, "")
            }
        }
    }

    /// An error about a key path, on its line or on its nearest parent's.
    pub(crate) fn error(&self, at: &str, message: &str) -> ConfigError {
        let mut place = at;
        let line = loop {
            if let Some(line) = self.lines.get(place) {
                break *line;
            }
            let end = place.rfind(['.', '[']).unwrap_or(0);
            place = place.get(..end).unwrap_or_default();
        };
        if at.is_empty() {
            return self.document.error(line, message);
        }
        self.document.error(line, &format!("{at}: {message}"))
    }

    fn section(
        &mut self,
        node: &Node,
        fields: &'a [Field],
        at: &str,
    ) -> Result<Value, ConfigError> {
        self.document.count(node, depth(at))?;
        let NodeKind::Mapping(entries) = &node.kind else {
            return Err(self.mismatch(node, "a section of keys", at));
        };
        let mut data = Map::new();
        for (key_node, key, value_node) in self.document.entries(entries)? {
            let Some(field) = fields.iter().find(|field| field.name == key) else {
                return Err(self.unknown_key(key_node.line, &key, fields, at));
            };
            let here = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            self.lines.insert(here.clone(), key_node.line);
            let value = self.value(&value_node, &field.kinds, &here)?;
            data.remove(&key);
            if let Some(value) = value {
                data.insert(key, value);
            }
        }
        for field in fields.iter().filter(|field| field.required) {
            if !data.contains_key(&field.name) {
                let text = format!("required key {} is missing or empty", quoted(&field.name));
                return Err(self.error(at, &text));
            }
        }
        for field in fields {
            if !data.contains_key(&field.name) {
                data.insert(field.name.clone(), field.default.clone());
            }
        }
        Ok(Value::Object(data))
    }

    /// A section of which only the text of one key was written.
    fn short(
        &mut self,
        node: &Node,
        fields: &'a [Field],
        key: &str,
        at: &str,
    ) -> Result<Value, ConfigError> {
        let mut data = Map::new();
        for field in fields {
            let value = match field.name == key {
                true => self.value(node, &field.kinds, &format!("{at}.{key}"))?,
                false => None,
            };
            data.insert(field.name.clone(), value.unwrap_or_else(|| field.default.clone()));
        }
        Ok(Value::Object(data))
    }

    fn unknown_key(&self, line: usize, key: &str, fields: &[Field], at: &str) -> ConfigError {
        let place = if at.is_empty() { String::new() } else { format!(" in {}", quoted(at)) };
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        let suggestion = hint(key, names.iter().copied());
        let text = format!(
            "unknown key {}{place}{suggestion}; allowed: {}",
            quoted(key),
            names.join(", ")
        );
        self.document.error(line, &text)
    }

    /// The value of a key; `None` for the default.
    fn value(
        &mut self,
        node: &Node,
        kinds: &'a [Kind],
        at: &str,
    ) -> Result<Option<Value>, ConfigError> {
        self.document.count(node, depth(at))?;
        if node.is_null() {
            return Ok(None);
        }
        let is_listed = matches!(node.kind, NodeKind::Sequence(_))
            && kinds.iter().any(|kind| matches!(kind, Kind::List { .. }));
        for kind in kinds {
            match kind {
                Kind::Section { name, short } if !is_listed => {
                    let fields = self.schema.fields(name);
                    return match (short, &node.kind) {
                        (Some(short), NodeKind::Scalar { .. }) => {
                            self.short(node, fields, short, at)
                        }
                        _ => self.section(node, fields, at),
                    }
                    .map(Some);
                }
                Kind::List { item } => return self.items(node, item, at).map(Some),
                Kind::Map { text } => return self.map(node, *text, at).map(Some),
                _ => {}
            }
        }
        self.scalar(node, kinds, at)
    }

    fn items(&mut self, node: &Node, kind: &'a Kind, at: &str) -> Result<Value, ConfigError> {
        let NodeKind::Sequence(nodes) = &node.kind else {
            return Err(self.mismatch(node, "a list", at));
        };
        let mut items = Vec::with_capacity(nodes.len());
        for (index, item) in nodes.iter().enumerate() {
            let here = format!("{at}[{index}]");
            self.lines.insert(here.clone(), item.line);
            if item.is_null() {
                return Err(self.error(&here, "the entry is empty"));
            }
            items.extend(self.value(item, std::slice::from_ref(kind), &here)?);
        }
        Ok(Value::Array(items))
    }

    fn map(&mut self, node: &Node, is_text: bool, at: &str) -> Result<Value, ConfigError> {
        let NodeKind::Mapping(entries) = &node.kind else {
            return Err(self.mismatch(node, "a section of keys", at));
        };
        if is_text { self.texts(entries, at) } else { self.free(entries) }
    }

    fn free(&self, entries: &[Entry]) -> Result<Value, ConfigError> {
        let mut map = Map::new();
        for (_, key, value) in self.document.entries(entries)? {
            let value = self.document.value(&value, 1)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }

    /// Pairs of names and texts, in the order of the file.
    fn texts(&mut self, entries: &[Entry], at: &str) -> Result<Value, ConfigError> {
        const TEXT: &[Kind] = &[Kind::TEXT];
        let mut pairs: Vec<(String, Value)> = Vec::new();
        for (key_node, key, value) in self.document.entries(entries)? {
            let here = format!("{at}.{key}");
            self.lines.insert(here.clone(), key_node.line);
            if value.is_null() {
                return Err(self.error(&here, "the entry is empty"));
            }
            let Some(value) = self.value(&value, TEXT, &here)? else { continue };
            match pairs.iter_mut().find(|(known, _)| *known == key) {
                Some(pair) => pair.1 = value,
                None => pairs.push((key, value)),
            }
        }
        Ok(pairs.into_iter().map(|(key, value)| Value::Array(vec![key.into(), value])).collect())
    }

    fn scalar(
        &mut self,
        node: &Node,
        kinds: &[Kind],
        at: &str,
    ) -> Result<Option<Value>, ConfigError> {
        let kind = kinds.iter().find(|kind| !matches!(kind, Kind::None)).unwrap_or(&Kind::None);
        let NodeKind::Scalar { text, .. } = &node.kind else {
            return Err(self.mismatch(node, kind.expected(), at));
        };
        if matches!(kind, Kind::Text { .. } | Kind::Choice { .. }) {
            if text.is_empty() && kinds.len() > 1 {
                return Ok(None);
            }
            if self.schema.text_fits(text, kind) {
                return Ok(Some(Value::String(text.clone())));
            }
        } else {
            let value = self.number(node, text, at)?;
            if let Some(value) = kind.number(&value) {
                return Ok(Some(value));
            }
        }
        Err(self.mismatch(node, kind.expected(), at))
    }

    /// Reads a scalar that should be a number, with errors that name the key.
    fn number(&self, node: &Node, text: &str, at: &str) -> Result<Value, ConfigError> {
        let value = self.document.scalar(node).map_err(|error| match error {
            ConfigError::Invalid(told) => {
                let head = format!("{}:{}: ", self.document.file, node.line);
                self.error(at, told.strip_prefix(&head).unwrap_or(&told))
            }
            needs_python @ ConfigError::NeedsPython(_) => needs_python,
        })?;
        let is_whole = value.is_i64() || value.is_u64();
        if is_whole && value.as_i64().is_none_or(|one| one.abs() > MAX_NUMBER) {
            let fault = format!("{} is too large; at most {MAX_NUMBER}", short(text));
            return Err(self.error(at, &fault));
        }
        Ok(value)
    }

    fn mismatch(&mut self, node: &Node, expected: &str, at: &str) -> ConfigError {
        let (given, suggestion) = match &node.kind {
            NodeKind::Sequence(_) => ("a list".to_owned(), String::new()),
            NodeKind::Mapping(_) => ("a section of keys".to_owned(), String::new()),
            NodeKind::Scalar { text, .. } => {
                let given = if text.is_empty() { "an empty text".to_owned() } else { short(text) };
                let choices = expected.strip_prefix("one of ");
                (given, choices.map_or_else(String::new, |all| hint(text, all.split(", "))))
            }
        };
        self.lines.entry(at.to_owned()).or_insert(node.line);
        self.error(at, &format!("expected {expected}; got {given}{suggestion}"))
    }
}

fn depth(at: &str) -> usize {
    at.matches('.').count()
}
