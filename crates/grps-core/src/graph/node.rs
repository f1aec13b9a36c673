//! What a graph is made of, as it was configured.

use std::sync::Arc;

use crate::graph::condition::Condition;
use crate::graph::source::Source;

/// A graph as it was configured; nodes come after those whose outputs they take.
#[derive(Clone, Debug)]
pub struct GraphSpec {
    /// The name clients ask for.
    pub name: String,
    /// The nodes.
    pub nodes: Vec<NodeSpec>,
    /// Names in the answer and what they stand for; empty for all that the last nodes answer.
    pub outputs: Vec<(Arc<str>, Source)>,
    /// YAML text that `metadata/model` answers.
    pub metadata: String,
}

/// One step: a model, and where its input comes from.
#[derive(Clone, Debug)]
pub struct NodeSpec {
    /// The name that other nodes refer to.
    pub name: String,
    /// Its model, by `name-version` or bare name.
    pub model: String,
    /// Its input.
    pub inputs: Inputs,
    /// When it runs; always without one.
    pub when: Option<Condition>,
}

/// The input of a node.
#[derive(Clone, Debug)]
pub enum Inputs {
    /// All that a node answered, or the whole request for `None`.
    Whole(Option<usize>),
    /// Tensor by tensor.
    Named(Vec<InputSpec>),
}

/// One tensor of a node's input.
#[derive(Clone, Debug)]
pub struct InputSpec {
    /// Its name in the model.
    pub name: Arc<str>,
    /// Where it comes from.
    pub source: Source,
    /// Whether the node is left out when it is absent; else it runs without the tensor.
    pub required: bool,
}
