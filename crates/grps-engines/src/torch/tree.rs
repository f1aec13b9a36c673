//! The structures of inputs and outputs that an AOTInductor package was compiled with: the names of
//! their leaves, as `grps/backends/torch` gives them.

use std::sync::Arc;

use grps_core::TensorSpec;
use serde::Deserialize;
use serde_json::Value;

use crate::common::EngineError;

const TUPLE: &str = "builtins.tuple";
const LIST: &str = "builtins.list";
const DICT: &str = "builtins.dict";

/// How a package is called.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CallSpec {
    /// Its inputs: positional ones are `input_0`, `input_1`…, others have their keywords.
    pub(super) inputs: Vec<TensorSpec>,
    /// The names of its outputs.
    pub(super) outputs: Vec<Arc<str>>,
}

/// A structure as `torch.utils._pytree` writes it.
#[derive(Debug, Deserialize)]
struct Tree {
    /// `None` of a leaf.
    #[serde(rename = "type")]
    kind: Option<String>,
    context: Option<String>,
    children_spec: Vec<Tree>,
}

impl CallSpec {
    /// Reads the structures that a shim says; `None` when it says none.
    ///
    /// # Errors
    /// They are of types that only Python knows.
    pub(super) fn read(notes: &[String]) -> Result<Option<Self>, EngineError> {
        let [inputs, outputs] = notes else { return Ok(None) };
        if inputs.is_empty() {
            return Ok(None);
        }
        let inputs = Tree::read(inputs).and_then(|tree| tree.inputs()).map_err(unknown)?;
        let mut names = Vec::new();
        let tree = Tree::read(outputs).map_err(unknown)?;
        match tree.kind.as_deref() {
            None => names.push("output".to_owned()),
            Some(DICT) => tree.name_leaves("", &mut names).map_err(unknown)?,
            Some(_) => tree.name_leaves("output", &mut names).map_err(unknown)?,
        }
        for (index, name) in names.iter().enumerate() {
            if names.iter().skip(index + 1).any(|other| other == name) {
                let text = format!("the model returned two outputs named {name}");
                return Err(EngineError::Model(text));
            }
        }
        Ok(Some(Self { inputs, outputs: names.into_iter().map(Arc::from).collect() }))
    }
}

fn unknown(what: String) -> EngineError {
    EngineError::NeedsPython(format!("a package whose inputs or outputs are of the type {what}"))
}

impl Tree {
    fn read(text: &str) -> Result<Self, String> {
        let (_, tree): (Value, Self) = serde_json::from_str(text)
            .map_err(|fault| format!("that torch.utils._pytree describes by {text} ({fault})"))?;
        Ok(tree)
    }

    /// The leaves of positional and of keyword arguments.
    fn inputs(&self) -> Result<Vec<TensorSpec>, String> {
        let [args, kwargs] = self.children_spec.as_slice() else {
            return Err(self.kind.clone().unwrap_or_default());
        };
        let mut names: Vec<_> = (0..args.leaves()).map(|index| format!("input_{index}")).collect();
        for (keyword, child) in kwargs.keys()?.into_iter().zip(&kwargs.children_spec) {
            match child.kind {
                None => names.push(keyword),
                Some(_) => {
                    names.extend((0..child.leaves()).map(|index| format!("{keyword}_{index}")));
                }
            }
        }
        let spec = |name: String| TensorSpec {
            name: name.into(),
            dtype: None,
            shape: None,
            required: true,
        };
        Ok(names.into_iter().map(spec).collect())
    }

    fn leaves(&self) -> usize {
        match self.kind {
            None => 1,
            Some(_) => self.children_spec.iter().map(Self::leaves).sum(),
        }
    }

    /// Appends the names of the leaves: deeper levels append their index or key.
    fn name_leaves(&self, name: &str, names: &mut Vec<String>) -> Result<(), String> {
        let keys = match self.kind.as_deref() {
            None => {
                names.push(name.to_owned());
                return Ok(());
            }
            Some(TUPLE | LIST) => (0..self.children_spec.len()).map(|at| at.to_string()).collect(),
            Some(DICT) => self.keys()?,
            Some(other) => return Err(other.to_owned()),
        };
        for (key, child) in keys.iter().zip(&self.children_spec) {
            let below = if name.is_empty() { key.clone() } else { format!("{name}_{key}") };
            child.name_leaves(&below, names)?;
        }
        Ok(())
    }

    /// The keys of a dict.
    fn keys(&self) -> Result<Vec<String>, String> {
        let context = self.context.as_deref().unwrap_or("[]");
        let keys: Vec<Value> =
            serde_json::from_str(context).map_err(|_| format!("{DICT} with the keys {context}"))?;
        let text = |key: &Value| key.as_str().map_or_else(|| key.to_string(), str::to_owned);
        Ok(keys.iter().map(text).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAF: &str = r#"{"type": null, "context": null, "children_spec": []}"#;

    fn tree(kind: &str, context: &str, children: &[&str]) -> String {
        let context = serde_json::to_string(context).unwrap();
        let children = children.join(", ");
        format!(r#"{{"type": "{kind}", "context": {context}, "children_spec": [{children}]}}"#)
    }

    fn read(inputs: &str, outputs: &str) -> Result<Option<CallSpec>, String> {
        let notes = [format!("[1, {inputs}]"), format!("[1, {outputs}]")];
        CallSpec::read(&notes).map_err(|error| error.to_string())
    }

    #[test]
    fn leaves_are_named_as_in_python() {
        let args = tree(TUPLE, "null", &[LEAF, &tree(LIST, "null", &[LEAF, LEAF])]);
        let kwargs = tree(DICT, r#"["z", "w"]"#, &[LEAF, &tree(TUPLE, "null", &[LEAF])]);
        let inputs = tree(TUPLE, "null", &[&args, &kwargs]);
        let pair = tree(TUPLE, "null", &[LEAF, &tree(LIST, "null", &[LEAF])]);
        let read_outputs = |outputs: &str| read(&inputs, outputs).unwrap().unwrap();
        let spec = read_outputs(&tree(DICT, r#"["a", "b"]"#, &[LEAF, &pair]));
        let names: Vec<_> = spec.inputs.iter().map(|spec| &*spec.name).collect();
        assert_eq!(names, ["input_0", "input_1", "input_2", "z", "w_0"]);
        assert_eq!(spec.outputs, ["a", "b_0", "b_1_0"].map(Arc::from));
        assert_eq!(read_outputs(LEAF).outputs, ["output"].map(Arc::from));
        assert_eq!(read_outputs(&pair).outputs, ["output_0", "output_1_0"].map(Arc::from));
    }

    #[test]
    fn types_of_python_are_refused() {
        let inputs = tree(TUPLE, "null", &[&tree(TUPLE, "null", &[]), &tree(DICT, "[]", &[])]);
        let text = read(&inputs, &tree("collections.OrderedDict", "[]", &[])).unwrap_err();
        assert!(text.contains("of the type collections.OrderedDict is not possible"), "{text}");
        let twice = tree(DICT, r#"["a_0", "a"]"#, &[LEAF, &tree(LIST, "null", &[LEAF])]);
        let text = read(&inputs, &twice).unwrap_err();
        assert_eq!(text, "the model returned two outputs named a_0");
        assert_eq!(CallSpec::read(&[]).unwrap(), None);
    }
}
