//! Configuration that others may see, with the texts left out that could be secrets.
//!
//! Python knows which names and forms stand for secrets. Here all texts of arguments are left out,
//! and what is below a name that could be one of a secret.

use serde_json::{Map, Value};

use crate::document::{Document, Node, NodeKind};
use crate::error::ConfigError;
use crate::scalar::{Tag, construct, resolve};

/// What stands for a text that is left out.
const MASK: &str = "***";
/// Sections whose keys the schema does not know.
const FREE: [&str; 2] = ["inferer_args", "converter_args"];
/// Keys of the schema whose values are left out, with all that is below them.
const HIDDEN: [&str; 3] = ["auth", "sha256", "key"];
/// Parts of names whose numbers are left out too.
const DOUBTFUL: [&str; 12] =
    ["pass", "pwd", "pin", "code", "secret", "token", "key", "otp", "salt", "cred", "auth", "sign"];

/// Where a node is, and how it is written.
#[derive(Clone, Copy)]
struct Place {
    is_free: bool,
    is_hidden: bool,
    has_sorted_keys: bool,
}

impl Place {
    const TOP: Self = Self { is_free: false, is_hidden: false, has_sorted_keys: false };
    /// As Python writes the lines of a model.
    const SORTED: Self = Self { has_sorted_keys: true, ..Self::TOP };

    fn below(self, key: &str) -> Self {
        let name = key.to_lowercase();
        let is_doubtful = self.is_free && DOUBTFUL.iter().any(|part| name.contains(part));
        Self {
            is_free: self.is_free || FREE.contains(&key),
            is_hidden: self.is_hidden || is_doubtful || HIDDEN.contains(&key),
            ..self
        }
    }

    fn hides(self, text: &str, tag: Tag) -> bool {
        match tag {
            Tag::Null | Tag::Bool => false,
            Tag::Whole | Tag::Number => self.is_hidden,
            _ => self.is_free || self.is_hidden || text.contains('@'),
        }
    }
}

/// A document as YAML.
pub(crate) fn shown(document: &Document) -> Result<String, ConfigError> {
    let mut lines = String::new();
    if let Some(root) = &document.root {
        write(document, root, Place::TOP, 0, &mut lines)?;
    }
    Ok(lines)
}

/// A section as YAML, with its keys in order, and as data.
pub(crate) fn described(document: &Document, node: &Node) -> Result<(String, Value), ConfigError> {
    let mut lines = String::new();
    write(document, node, Place::SORTED, 0, &mut lines)?;
    Ok((lines, data(document, node, Place::TOP)?))
}

fn write(
    document: &Document,
    node: &Node,
    place: Place,
    indent: usize,
    lines: &mut String,
) -> Result<(), ConfigError> {
    let head = " ".repeat(indent);
    match &node.kind {
        NodeKind::Scalar { text, tag } => {
            lines.push_str(&format!("{head}{}\n", scalar(text, *tag, place)));
        }
        NodeKind::Sequence(items) => {
            for item in items {
                let mut inner = String::new();
                write(document, item, place, indent + 2, &mut inner)?;
                let rest = inner.get(indent + 2..).unwrap_or_default();
                lines.push_str(&format!("{head}- {rest}"));
            }
        }
        NodeKind::Mapping(entries) => {
            let mut entries = document.entries(entries)?;
            if place.has_sorted_keys {
                entries.sort_by(|(_, one, _), (_, other, _)| one.cmp(other));
            }
            for (key_node, key, value) in entries {
                let below = place.below(&key);
                let NodeKind::Scalar { text, tag } = &key_node.kind else { continue };
                let name = scalar(text, *tag, Place::TOP);
                match &value.kind {
                    NodeKind::Scalar { text, tag } => {
                        lines.push_str(&format!("{head}{name}: {}\n", scalar(text, *tag, below)));
                    }
                    NodeKind::Sequence(items) if items.is_empty() => {
                        lines.push_str(&format!("{head}{name}: []\n"));
                    }
                    NodeKind::Mapping(entries) if entries.is_empty() => {
                        lines.push_str(&format!("{head}{name}: {{}}\n"));
                    }
                    _ => {
                        lines.push_str(&format!("{head}{name}:\n"));
                        write(document, &value, below, indent + 2, lines)?;
                    }
                }
            }
        }
    }
    if let NodeKind::Sequence(items) = &node.kind
        && items.is_empty()
    {
        lines.push_str(&format!("{head}[]\n"));
    }
    if let NodeKind::Mapping(entries) = &node.kind
        && entries.is_empty()
    {
        lines.push_str(&format!("{head}{{}}\n"));
    }
    Ok(())
}

fn scalar(text: &str, tag: Tag, place: Place) -> String {
    if place.hides(text, tag) && !text.is_empty() {
        return format!("'{MASK}'");
    }
    let is_plain = text.chars().all(|one| one.is_ascii_alphanumeric() || "_./-+".contains(one))
        && text.starts_with(|one: char| one.is_ascii_alphanumeric() || "_./".contains(one));
    match tag {
        Tag::Null => "null".to_owned(),
        Tag::Text | Tag::Other | Tag::Merge if !(is_plain && resolve(text) == Tag::Text) => {
            Value::from(text).to_string()
        }
        _ => text.to_owned(),
    }
}

fn data(document: &Document, node: &Node, place: Place) -> Result<Value, ConfigError> {
    match &node.kind {
        NodeKind::Scalar { text, tag } if place.hides(text, *tag) && !text.is_empty() => {
            Ok(Value::from(MASK))
        }
        // A number that no number can hold is the value of a key that takes text.
        NodeKind::Scalar { text, tag } => {
            Ok(construct(text, *tag).unwrap_or_else(|_| Value::from(text.as_str())))
        }
        NodeKind::Sequence(items) => items.iter().map(|item| data(document, item, place)).collect(),
        NodeKind::Mapping(entries) => {
            let mut map = Map::new();
            for (_, key, value) in document.entries(entries)? {
                let value = data(document, &value, place.below(&key))?;
                map.insert(key, value);
            }
            Ok(Value::Object(map))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_arguments_are_left_out() {
        let text = "auth: {keys: [{name: robot, max_concurrency: 3}]}\nmodels:\n- name: a b\n  version: 1.10\n  inferer_args: {factor: 2, pin: 77, \
                    deep: [x, {y: yes}], none: ~}\n  graphs: []\nurl: me:word@host\n";
        let document = Document::parse(text, "f").unwrap();
        assert_eq!(
            shown(&document).unwrap(),
            "auth:\n  keys:\n    - name: '***'\n      max_concurrency: '***'\nmodels:\n  - name: \"a b\"\n    version: 1.10\n    inferer_args:\n      factor: 2\n      \
             pin: '***'\n      deep:\n        - '***'\n        - y: yes\n      none: null\n    graphs: \
             []\nurl: '***'\n"
        );
        let root = document.root.clone().unwrap();
        let (lines, data) = described(&document, &root).unwrap();
        assert!(lines.contains("deep:\n        - '***'\n        - y: yes\n      factor: 2\n"));
        assert_eq!(data["models"][0]["inferer_args"]["pin"], "***");
        assert_eq!(data["models"][0]["inferer_args"]["factor"], 2);
    }
}
