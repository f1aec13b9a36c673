//! A graph whose models are known and whose tensors fit together.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::Error;
use crate::graph::node::{GraphSpec, Inputs, NodeSpec};
use crate::graph::source::Source;
use crate::metrics::StatsRegistry;
use crate::models::model::{Model, NodeStats};
use crate::request::content::InputForm;
use crate::tensor::signature::TensorSpec;

/// A checked graph.
#[derive(Debug)]
pub struct Graph {
    spec: GraphSpec,
    /// The models of the nodes, in their order.
    models: Vec<Arc<Model>>,
    /// Where the calls of the nodes are counted, in their order.
    stats: Vec<NodeStats>,
    /// How often each tensor is taken; the last consumer gets the tensor itself, others a copy.
    pub(crate) consumers: HashMap<Source, usize>,
    /// How often all that a node answered, or the request, is taken as a whole.
    pub(crate) whole_consumers: HashMap<Option<usize>, usize>,
    /// Nodes whose output nobody takes.
    pub(crate) last: Vec<usize>,
}

impl Graph {
    /// Checks a graph.
    ///
    /// # Errors
    /// `InvalidArgument` naming the node and what does not fit; `NotFound` for an unknown model.
    pub fn new(
        spec: GraphSpec,
        stats: &StatsRegistry,
        find: impl Fn(&str) -> Result<Arc<Model>, Error>,
    ) -> Result<Self, Error> {
        let models: Vec<_> =
            spec.nodes.iter().map(|node| find(&node.model)).collect::<Result<_, _>>()?;
        let stats = spec.nodes.iter().map(|node| NodeStats {
            name: node.name.as_str().into(),
            stats: stats.node(&spec.name, &node.name),
        });
        let mut graph = Self {
            stats: stats.collect(),
            spec,
            models,
            consumers: HashMap::new(),
            whole_consumers: HashMap::new(),
            last: Vec::new(),
        };
        graph.check()?;
        graph.count();
        Ok(graph)
    }

    /// As it was configured.
    pub fn spec(&self) -> &GraphSpec {
        &self.spec
    }

    /// The models of the nodes, in their order.
    pub fn models(&self) -> &[Arc<Model>] {
        &self.models
    }

    /// Where the calls of a node are counted.
    pub fn node_stats(&self, index: usize) -> Option<&NodeStats> {
        self.stats.get(index)
    }

    /// The form in which the graph takes its request.
    pub fn form(&self) -> InputForm {
        let by_tensor = self.consumers.keys().any(|source| source.node.is_none());
        match self.models.first() {
            Some(first) if !by_tensor => first.spec().form,
            _ => InputForm::Tensors,
        }
    }

    /// Whether a node works on the whole request, as a model does that is called by its name.
    pub(crate) fn takes_only_request(&self, index: usize) -> bool {
        let inputs = self.spec.nodes.get(index).map(|node| &node.inputs);
        matches!(inputs, Some(Inputs::Whole(None)))
    }

    /// Whether each node works on all that the one before it answered.
    pub(crate) fn is_chain(&self) -> bool {
        let mut nodes = self.spec.nodes.iter().enumerate();
        nodes.all(|(index, node)| match node.inputs {
            Inputs::Whole(from) => from == index.checked_sub(1),
            Inputs::Named(_) => false,
        })
    }

    /// The node whose chunks are the graph's; `None` when several nodes make the answer.
    pub(crate) fn streaming_node(&self) -> Option<usize> {
        match self.last.as_slice() {
            [only] if self.spec.outputs.is_empty() => Some(*only),
            _ => None,
        }
    }

    fn check(&self) -> Result<(), Error> {
        if self.spec.nodes.is_empty() {
            return Err(self.fault("it has no node"));
        }
        for (index, node) in self.spec.nodes.iter().enumerate() {
            let mut sources: Vec<&Source> = node.when.iter().map(|when| &when.source).collect();
            match &node.inputs {
                Inputs::Whole(Some(from)) if *from >= index => {
                    return Err(self.fault(&format!("node '{}' comes before its input", node.name)));
                }
                Inputs::Whole(_) => {}
                Inputs::Named(inputs) => {
                    for input in inputs {
                        self.check_input(index, node, &input.name, &input.source)?;
                        sources.push(&input.source);
                    }
                }
            }
            for source in sources {
                self.check_source(index, &node.name, source)?;
            }
        }
        for (name, source) in &self.spec.outputs {
            self.check_source(self.spec.nodes.len(), &format!("output {name}"), source)?;
        }
        Ok(())
    }

    /// Whether a source is there before whoever takes it, and has the tensor.
    fn check_source(&self, index: usize, consumer: &str, source: &Source) -> Result<(), Error> {
        let Some(from) = source.node else { return Ok(()) };
        let Some((node, model)) = self.spec.nodes.get(from).zip(self.models.get(from)) else {
            return Err(self.fault(&format!("'{consumer}' takes from a node that is not there")));
        };
        if from >= index {
            return Err(
                self.fault(&format!("'{consumer}' comes before '{}', its input", node.name))
            );
        }
        let outputs = model.spec().signature.as_ref().map(|signature| signature.outputs.as_slice());
        match outputs {
            Some(known) if !known.is_empty() && find(known, &source.tensor).is_none() => {
                let known: Vec<_> = known.iter().map(TensorSpec::describe).collect();
                Err(self.fault(&format!(
                    "'{consumer}' takes '{}' of node '{}', whose outputs are {}",
                    source.tensor,
                    node.name,
                    known.join(", ")
                )))
            }
            _ => Ok(()),
        }
    }

    /// Whether a model has an input and takes what the source gives.
    fn check_input(
        &self,
        index: usize,
        node: &NodeSpec,
        name: &str,
        source: &Source,
    ) -> Result<(), Error> {
        let signature = |index: usize| self.models.get(index)?.spec().signature.as_ref();
        let Some(inputs) = signature(index).map(|signature| &signature.inputs) else {
            return Ok(());
        };
        let Some(wanted) = find(inputs, name) else {
            if inputs.is_empty() {
                return Ok(());
            }
            let known: Vec<_> = inputs.iter().map(TensorSpec::describe).collect();
            let known = known.join(", ");
            let text =
                format!("node '{}': its model has no input '{name}'; inputs: {known}", node.name);
            return Err(self.fault(&text));
        };
        let given = source.node.and_then(signature).and_then(|s| find(&s.outputs, &source.tensor));
        match given {
            Some(given) if !may_fit(given, wanted) => Err(self.fault(&format!(
                "node '{}': input {} can't be {}",
                node.name,
                wanted.describe(),
                given.describe()
            ))),
            _ => Ok(()),
        }
    }

    fn count(&mut self) {
        let mut taken = vec![false; self.spec.nodes.len()];
        let mut sources: Vec<Source> = Vec::new();
        for node in &self.spec.nodes {
            sources.extend(node.when.iter().map(|when| when.source.clone()));
            match &node.inputs {
                Inputs::Whole(from) => {
                    *self.whole_consumers.entry(*from).or_default() += 1;
                    if let Some(taken) = from.and_then(|from| taken.get_mut(from)) {
                        *taken = true;
                    }
                }
                Inputs::Named(inputs) => {
                    sources.extend(inputs.iter().map(|input| input.source.clone()));
                }
            }
        }
        sources.extend(self.spec.outputs.iter().map(|(_, source)| source.clone()));
        for source in sources {
            if let Some(taken) = source.node.and_then(|node| taken.get_mut(node)) {
                *taken = true;
            }
            *self.consumers.entry(source).or_default() += 1;
        }
        self.last = (0..taken.len()).filter(|index| taken.get(*index) == Some(&false)).collect();
    }

    fn fault(&self, text: &str) -> Error {
        Error::invalid(format!("graph '{}': {text}", self.spec.name))
    }
}

fn find<'a>(specs: &'a [TensorSpec], name: &str) -> Option<&'a TensorSpec> {
    specs.iter().find(|spec| spec.name == name)
}

/// Whether a tensor of the one kind can be of the other.
fn may_fit(given: &TensorSpec, wanted: &TensorSpec) -> bool {
    if given.dtype.zip(wanted.dtype).is_some_and(|(given, wanted)| given != wanted) {
        return false;
    }
    given.shape.as_ref().zip(wanted.shape.as_ref()).is_none_or(|(given, wanted)| {
        given.len() == wanted.len()
            && given.iter().zip(wanted).all(|dims| match dims {
                (Some(given), Some(wanted)) => given == wanted,
                _ => true,
            })
    })
}
