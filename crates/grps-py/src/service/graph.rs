//! Converts graphs from Python objects, by attribute.

use grps_core::graph::{Comparison, Condition, GraphSpec, InputSpec, Inputs, NodeSpec, Source};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// The attributes of `grps.config.graphs.Graph`.
#[derive(FromPyObject)]
pub(crate) struct PyGraph {
    name: String,
    nodes: Vec<PyNode>,
    outputs: Vec<(String, PySource)>,
}

/// The attributes of `grps.config.graphs.Node`.
#[derive(FromPyObject)]
struct PyNode {
    name: String,
    model: String,
    whole: Option<usize>,
    inputs: Option<Vec<PyInput>>,
    when: Option<PyCondition>,
}

/// The attributes of `grps.config.graphs.Input`.
#[derive(FromPyObject)]
struct PyInput {
    name: String,
    source: PySource,
    required: bool,
}

/// The attributes of `grps.config.graphs.Condition`.
#[derive(FromPyObject)]
struct PyCondition {
    source: PySource,
    comparison: String,
    value: f64,
}

/// The attributes of `grps.config.graphs.Source`.
#[derive(FromPyObject)]
struct PySource {
    node: Option<usize>,
    tensor: String,
}

impl PyGraph {
    /// Converts the graph; `metadata` is its text for `metadata/model`.
    pub(crate) fn into_spec(self, metadata: String) -> PyResult<GraphSpec> {
        let nodes = self.nodes.into_iter().map(NodeSpec::try_from).collect::<PyResult<_>>()?;
        let outputs = self.outputs.into_iter().map(|(name, source)| (name.into(), source.into()));
        Ok(GraphSpec { name: self.name, nodes, outputs: outputs.collect(), metadata })
    }
}

impl TryFrom<PyNode> for NodeSpec {
    type Error = PyErr;

    fn try_from(node: PyNode) -> PyResult<Self> {
        let inputs = match node.inputs {
            None => Inputs::Whole(node.whole),
            Some(inputs) => Inputs::Named(inputs.into_iter().map(InputSpec::from).collect()),
        };
        let when = node.when.map(Condition::try_from).transpose()?;
        Ok(Self { name: node.name, model: node.model, inputs, when })
    }
}

impl From<PyInput> for InputSpec {
    fn from(input: PyInput) -> Self {
        Self { name: input.name.into(), source: input.source.into(), required: input.required }
    }
}

impl From<PySource> for Source {
    fn from(source: PySource) -> Self {
        Self { node: source.node, tensor: source.tensor }
    }
}

impl TryFrom<PyCondition> for Condition {
    type Error = PyErr;

    fn try_from(condition: PyCondition) -> PyResult<Self> {
        let comparison = Comparison::from_sign(&condition.comparison);
        let comparison = comparison.ok_or_else(|| {
            PyValueError::new_err(format!("unknown comparison '{}'", condition.comparison))
        })?;
        Ok(Self { source: condition.source.into(), comparison, value: condition.value })
    }
}
