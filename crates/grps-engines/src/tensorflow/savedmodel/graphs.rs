//! The graphs of a SavedModel and their signatures, out of `saved_model.pb`.

use std::collections::{BTreeMap, BTreeSet};

use crate::tensorflow::savedmodel::message::{Damaged, Fields, Value, text};

/// Deepest structure of a function's arguments.
const MOST_LEVELS: usize = 64;
/// Most dimensions of a tensor.
const MOST_DIMS: usize = 254;

/// Operators that are variables.
const VARIABLES: [&[u8]; 3] = [b"VarHandleOp", b"VariableV2", b"Variable"];

/// A tensor of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::tensorflow) struct TensorInfo {
    /// Its name in the graph; `None` for sparse and composite ones.
    pub(in crate::tensorflow) tensor: Option<String>,
    /// The number of its type.
    pub(in crate::tensorflow) dtype: i32,
    /// Its dimensions, `None` for dynamic ones; `None` without a known rank.
    pub(in crate::tensorflow) shape: Option<Vec<Option<usize>>>,
}

/// Names and tensors of inputs or outputs.
pub(super) type Infos = BTreeMap<String, TensorInfo>;

/// One graph.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) tags: Vec<String>,
    /// Inputs and outputs by the name of the signature.
    pub(super) signatures: BTreeMap<String, (Infos, Infos)>,
    /// Whether it reads weights from a file.
    pub(super) has_variables: bool,
    /// Names of the arguments of its functions, in their order.
    pub(super) orders: BTreeSet<Vec<String>>,
}

impl Graph {
    /// Reads the graphs of a `SavedModel`.
    ///
    /// # Errors
    /// The message is damaged.
    pub(super) fn all(model: &[u8]) -> Result<Vec<Self>, Damaged> {
        Fields(model).all(2)?.into_iter().map(Self::read).collect()
    }

    /// Reads a `MetaGraphDef`.
    fn read(message: &[u8]) -> Result<Self, Damaged> {
        let mut graph = Self::default();
        for field in Fields(message) {
            match field? {
                (1, Value::Bytes(info)) => {
                    graph.tags = Fields(info).all(4)?.into_iter().map(text).collect();
                }
                (2, Value::Bytes(definition)) => {
                    for node in Fields(definition).all(1)? {
                        let operator = Fields(node).last(2)?;
                        graph.has_variables |=
                            operator.is_some_and(|name| VARIABLES.contains(&name));
                    }
                }
                (5, Value::Bytes(entry)) => {
                    let (name, signature) = entry_of(entry)?;
                    let side = |number| infos_of(&Fields(signature).all(number)?);
                    graph.signatures.insert(name, (side(1)?, side(2)?));
                }
                (7, Value::Bytes(objects)) => {
                    for entry in Fields(objects).all(2)? {
                        graph.orders.extend(order_of(entry_of(entry)?.1)?);
                    }
                }
                _ => {}
            }
        }
        Ok(graph)
    }
}

/// The key and the message of an entry of a map.
fn entry_of(entry: &[u8]) -> Result<(String, &[u8]), Damaged> {
    let key = Fields(entry).last(1)?.unwrap_or_default();
    Ok((text(key), Fields(entry).last(2)?.unwrap_or_default()))
}

fn infos_of(entries: &[&[u8]]) -> Result<Infos, Damaged> {
    let infos = entries.iter().map(|entry| {
        let (name, info) = entry_of(entry)?;
        Ok((name, info_of(info)?))
    });
    infos.collect()
}

/// Reads a `TensorInfo`.
fn info_of(message: &[u8]) -> Result<TensorInfo, Damaged> {
    let mut info = TensorInfo { tensor: None, dtype: 0, shape: Some(Vec::new()) };
    for field in Fields(message) {
        match field? {
            (1, Value::Bytes(name)) => info.tensor = Some(text(name)),
            (2, Value::Number(number)) => info.dtype = i32::try_from(number).unwrap_or(0),
            (3, Value::Bytes(shape)) => info.shape = shape_of(shape)?,
            (4 | 5, _) => info.tensor = None,
            _ => {}
        }
    }
    Ok(info)
}

/// Reads a `TensorShapeProto`.
fn shape_of(message: &[u8]) -> Result<Option<Vec<Option<usize>>>, Damaged> {
    let mut dims = Vec::new();
    for field in Fields(message) {
        match field? {
            (2, Value::Bytes(dim)) => {
                let mut size = 0;
                for field in Fields(dim) {
                    if let (1, Value::Number(number)) = field? {
                        size = number.cast_signed();
                    }
                }
                dims.push(usize::try_from(size).ok());
            }
            (3, Value::Number(unknown)) if unknown != 0 => return Ok(None),
            _ => {}
        }
    }
    if dims.len() > MOST_DIMS { Err(Damaged) } else { Ok(Some(dims)) }
}

/// The names of the arguments of a `SavedConcreteFunction`, which its signature has as a tuple of
/// positional and named ones; `None` if it has no arguments.
fn order_of(function: &[u8]) -> Result<Option<Vec<String>>, Damaged> {
    let Some(signature) = Fields(function).last(3)? else { return Ok(None) };
    let Some(tuple) = Fields(signature).last(52)? else { return Ok(None) };
    let groups = Fields(tuple).all(1)?;
    let Some(positional) = groups.first() else { return Ok(None) };
    let mut names = Vec::new();
    note_names(positional, MOST_LEVELS, &mut names)?;
    Ok(Some(names))
}

/// Adds the names of the tensors in a `StructuredValue`.
fn note_names(value: &[u8], levels: usize, names: &mut Vec<String>) -> Result<(), Damaged> {
    let levels = levels.checked_sub(1).ok_or(Damaged)?;
    for field in Fields(value) {
        match field? {
            (33, Value::Bytes(spec)) => {
                names.push(text(Fields(spec).last(1)?.unwrap_or_default()));
            }
            (51 | 52, Value::Bytes(values)) => {
                for inner in Fields(values).all(1)? {
                    note_names(inner, levels, names)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}
