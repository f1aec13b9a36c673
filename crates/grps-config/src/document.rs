//! A YAML file as a tree of nodes with their lines.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag as WrittenTag};
use serde_json::{Map, Value};

use crate::error::ConfigError;
use crate::scalar::{Fault, Tag, construct, resolve};
use crate::text::{quoted, short};

const MAX_VALUES: usize = 100_000;
const MAX_DEPTH: usize = 64;
/// Depth of the tree itself; what a file may hold is far less deep.
const MAX_TREE_DEPTH: usize = 200;

/// A part of a file.
#[derive(Debug)]
pub(crate) struct Node {
    /// Where it starts, counted from 1.
    pub(crate) line: usize,
    pub(crate) kind: NodeKind,
}

/// What a node is.
#[derive(Debug)]
pub(crate) enum NodeKind {
    Scalar { text: String, tag: Tag },
    Sequence(Vec<Rc<Node>>),
    Mapping(Vec<Entry>),
}

/// A key and its value.
pub(crate) type Entry = (Rc<Node>, Rc<Node>);

/// A key, its text, and its value.
pub(crate) type NamedEntry = (Rc<Node>, String, Rc<Node>);

impl Node {
    pub(crate) fn is_null(&self) -> bool {
        matches!(self.kind, NodeKind::Scalar { tag: Tag::Null, .. })
    }
}

/// The nodes of one file, and the way to turn them into values.
#[derive(Debug)]
pub(crate) struct Document {
    /// What errors call it.
    pub(crate) file: String,
    /// `None` for a file without values.
    pub(crate) root: Option<Rc<Node>>,
    /// How many values were read, so that aliases can't multiply them.
    values: Cell<usize>,
}

impl Document {
    /// Parses a text that errors call `file`.
    pub(crate) fn parse(text: &str, file: &str) -> Result<Self, ConfigError> {
        let mut document = Self { file: file.to_owned(), root: None, values: Cell::new(0) };
        document.check_characters(text)?;
        document.root = document.compose(text)?;
        document.refuse_tabs(text)?;
        if let Some(root) = &document.root {
            document.refuse_duplicates(root)?;
        }
        Ok(document)
    }

    /// An error that points at a line.
    pub(crate) fn error(&self, line: usize, message: &str) -> ConfigError {
        ConfigError::Invalid(format!("{}:{line}: {message}", self.file))
    }

    fn unknown(&self, line: usize, message: &str) -> ConfigError {
        ConfigError::NeedsPython(format!("{}:{line}: {message}", self.file))
    }

    /// The entries of a mapping, its merges (`<<`) applied: what is merged comes first.
    pub(crate) fn entries(&self, entries: &[Entry]) -> Result<Vec<NamedEntry>, ConfigError> {
        let mut found = Vec::with_capacity(entries.len());
        for (key, value) in self.flattened(entries, 0)? {
            let NodeKind::Scalar { text, .. } = &key.kind else {
                return Err(self.error(key.line, "a key must be plain text"));
            };
            let text = text.clone();
            found.push((key, text, value));
        }
        Ok(found)
    }

    fn flattened(&self, entries: &[Entry], depth: usize) -> Result<Vec<Entry>, ConfigError> {
        let (mut merged, mut own) = (Vec::new(), Vec::new());
        for (key, value) in entries {
            if !matches!(key.kind, NodeKind::Scalar { tag: Tag::Merge, .. }) {
                own.push((Rc::clone(key), Rc::clone(value)));
                continue;
            }
            if depth > MAX_DEPTH {
                return Err(self.error(key.line, "merges are nested too deeply"));
            }
            match &value.kind {
                NodeKind::Mapping(inner) => merged.extend(self.flattened(inner, depth + 1)?),
                NodeKind::Sequence(items) => {
                    for item in items.iter().rev() {
                        let NodeKind::Mapping(inner) = &item.kind else {
                            return Err(self.no_mapping(item));
                        };
                        merged.extend(self.flattened(inner, depth + 1)?);
                    }
                }
                NodeKind::Scalar { .. } => return Err(self.no_mapping(value)),
            }
        }
        merged.extend(own);
        Ok(merged)
    }

    fn no_mapping(&self, node: &Node) -> ConfigError {
        self.error(node.line, "not valid YAML: expected a mapping for merging")
    }

    /// Turns a node into plain data, nulls kept.
    pub(crate) fn value(&self, node: &Node, depth: usize) -> Result<Value, ConfigError> {
        self.count(node, depth)?;
        match &node.kind {
            NodeKind::Scalar { .. } => self.scalar(node),
            NodeKind::Sequence(items) => {
                items.iter().map(|item| self.value(item, depth + 1)).collect()
            }
            NodeKind::Mapping(entries) => {
                let mut map = Map::new();
                for (key, _, value) in self.entries(entries)? {
                    map.insert(key_text(&self.scalar(&key)?), self.value(&value, depth + 1)?);
                }
                Ok(Value::Object(map))
            }
        }
    }

    /// Turns a scalar node into its value; dates stay text.
    pub(crate) fn scalar(&self, node: &Node) -> Result<Value, ConfigError> {
        let NodeKind::Scalar { text, tag } = &node.kind else { return Ok(Value::Null) };
        construct(text, *tag).map_err(|fault| match fault {
            Fault::Number(fault) => self.error(node.line, &format!("{} {fault}", short(text))),
            Fault::Malformed => self.error(node.line, &format!("malformed value {}", short(text))),
            Fault::Unknown => {
                self.unknown(node.line, &format!("the value of {} is not plain", short(text)))
            }
        })
    }

    /// Accounts for one more value.
    pub(crate) fn count(&self, node: &Node, depth: usize) -> Result<(), ConfigError> {
        self.values.set(self.values.get() + 1);
        if depth > MAX_DEPTH {
            let text = format!("values are nested deeper than {MAX_DEPTH} levels");
            return Err(self.error(node.line, &text));
        }
        if self.values.get() > MAX_VALUES {
            return Err(self.error(node.line, &format!("more than {MAX_VALUES} values")));
        }
        Ok(())
    }

    /// Refuses what YAML 1.1 does not allow in a text, or takes for the end of a line.
    fn check_characters(&self, text: &str) -> Result<(), ConfigError> {
        for (index, line) in text.split('\n').enumerate() {
            for character in line.chars() {
                match character {
                    '\u{85}' | '\u{2028}' | '\u{2029}' => {
                        return Err(self.unknown(index + 1, "a line ends as no editor ends one"));
                    }
                    '\t'
                    | '\r'
                    | ' '..='~'
                    | '\u{a0}'..='\u{d7ff}'
                    | '\u{e000}'..='\u{fffd}'
                    | '\u{10000}'.. => {}
                    _ => {
                        let fault = "not valid YAML: special characters are not allowed";
                        return Err(self.error(index + 1, fault));
                    }
                }
            }
        }
        Ok(())
    }

    /// Leaves files with tabs to PyYAML, which takes fewer of them than this parser does.
    fn refuse_tabs(&self, text: &str) -> Result<(), ConfigError> {
        let has_tab = |line: &str| line.split('#').next().is_some_and(|part| part.contains('\t'));
        match text.lines().position(has_tab) {
            None => Ok(()),
            Some(index) => Err(self.unknown(index + 1, "a tab; use spaces")),
        }
    }

    fn compose(&self, text: &str) -> Result<Option<Rc<Node>>, ConfigError> {
        let mut builder = Builder::default();
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| {
                let hint = if error.info().contains("tab") {
                    " (indent with spaces, not with tabs)"
                } else {
                    ""
                };
                let message = format!("not valid YAML: {}{hint}", error.info());
                let line = error.marker().line();
                let mut near = text.lines().skip(line.saturating_sub(2)).take(2);
                if near.any(|line| line.contains(['&', '*'])) {
                    // PyYAML ends the name of an anchor at a colon, which belongs to it here.
                    return self.unknown(line, &message);
                }
                self.error(line, &message)
            })?;
            let line = span.start.line().max(1);
            if let Event::Scalar(text, ScalarStyle::Plain, ..) = &event
                && text.starts_with(['?', ':'])
            {
                // In a list in brackets it is more than a text to PyYAML.
                return Err(self.unknown(line, &format!("{} is not in quotes", short(text))));
            }
            builder.take(event, line).map_err(|fault| self.error(line, &fault))?;
        }
        Ok(builder.root)
    }

    /// Refuses a key that a mapping holds twice.
    fn refuse_duplicates(&self, node: &Rc<Node>) -> Result<(), ConfigError> {
        let mut waiting = vec![Rc::clone(node)];
        let mut seen = std::collections::HashSet::new();
        while let Some(node) = waiting.pop() {
            if !seen.insert(Rc::as_ptr(&node)) {
                continue;
            }
            match &node.kind {
                NodeKind::Scalar { .. } => {}
                NodeKind::Sequence(items) => waiting.extend(items.iter().map(Rc::clone)),
                NodeKind::Mapping(entries) => {
                    self.refuse_duplicates_in(entries)?;
                    waiting.extend(entries.iter().map(|(_, value)| Rc::clone(value)));
                }
            }
        }
        Ok(())
    }

    fn refuse_duplicates_in(&self, entries: &[Entry]) -> Result<(), ConfigError> {
        let mut lines: HashMap<&str, usize> = HashMap::new();
        for (key, _) in entries {
            let NodeKind::Scalar { text, tag } = &key.kind else { continue };
            if *tag == Tag::Merge {
                continue;
            }
            if let Some(first) = lines.insert(text, key.line) {
                let fault = format!("key {} is given twice (first on line {first})", quoted(text));
                return Err(self.error(key.line, &fault));
            }
        }
        Ok(())
    }
}

/// A key as JSON writes it.
fn key_text(key: &Value) -> String {
    match key {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Makes a tree of events.
#[derive(Default)]
struct Builder {
    root: Option<Rc<Node>>,
    /// Collections that are not complete, the outermost first.
    open: Vec<Open>,
    /// Complete nodes by the number of their anchor.
    anchors: HashMap<usize, Rc<Node>>,
    documents: usize,
}

/// A collection that is not complete.
struct Open {
    line: usize,
    anchor: usize,
    is_mapping: bool,
    /// Items, or keys and values in turn.
    nodes: Vec<Rc<Node>>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), String> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err("not valid YAML: expected a single document in the stream, but \
                                found another document"
                        .to_owned());
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag_of(&text, style, tag.as_deref());
                let kind = NodeKind::Scalar { text: text.into_owned(), tag };
                self.add(Rc::new(Node { line, kind }), anchor);
            }
            Event::SequenceStart(anchor, _) => self.begin(line, anchor, false)?,
            Event::MappingStart(anchor, _) => self.begin(line, anchor, true)?,
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(node) => {
                    let node = Rc::clone(node);
                    self.add(node, 0);
                }
                None => return Err("not valid YAML: an alias inside of what it stands for".into()),
            },
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn begin(&mut self, line: usize, anchor: usize, is_mapping: bool) -> Result<(), String> {
        if self.open.len() >= MAX_TREE_DEPTH {
            return Err("values are nested too deeply".to_owned());
        }
        self.open.push(Open { line, anchor, is_mapping, nodes: Vec::new() });
        Ok(())
    }

    fn end(&mut self) {
        let Some(Open { line, anchor, is_mapping, nodes }) = self.open.pop() else { return };
        let kind = if is_mapping {
            let mut entries = Vec::with_capacity(nodes.len() / 2);
            let mut nodes = nodes.into_iter();
            while let (Some(key), Some(value)) = (nodes.next(), nodes.next()) {
                entries.push((key, value));
            }
            NodeKind::Mapping(entries)
        } else {
            NodeKind::Sequence(nodes)
        };
        self.add(Rc::new(Node { line, kind }), anchor);
    }

    fn add(&mut self, node: Rc<Node>, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        match self.open.last_mut() {
            Some(open) => open.nodes.push(node),
            None => self.root = Some(node),
        }
    }
}

fn tag_of(text: &str, style: ScalarStyle, tag: Option<&WrittenTag>) -> Tag {
    let is_plain = matches!(style, ScalarStyle::Plain);
    let untagged = if is_plain { resolve(text) } else { Tag::Text };
    let Some(tag) = tag else { return untagged };
    let name = format!("{}{}", tag.handle, tag.suffix);
    match name.strip_prefix("tag:yaml.org,2002:") {
        Some("str") => Tag::Text,
        Some("null") => Tag::Null,
        Some("bool") => Tag::Bool,
        Some("int") => Tag::Whole,
        Some("float") => Tag::Number,
        Some("merge") => Tag::Merge,
        _ if name == "!" => untagged,
        _ => Tag::Other,
    }
}
