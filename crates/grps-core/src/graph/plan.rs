//! A graph whose models are known and whose tensors fit together.

use std::collections::HashSet;
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
    /// What each node takes its input and its condition from, each source once.
    pub(crate) sources: Vec<Vec<Option<usize>>>,
    /// How the request is taken, then how each node's output is.
    pub(crate) uses: Vec<Use>,
    /// Nodes whose output nobody takes.
    pub(crate) last: Vec<usize>,
}

/// How the request, or a node's output, is taken.
#[derive(Debug, Default)]
pub(crate) struct Use {
    /// Names of the tensors that are taken one by one.
    pub(crate) tensors: HashSet<String>,
    /// How many nodes take it, wholly or by tensor; the outputs of the graph count as one more.
    pub(crate) consumers: usize,
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
            sources: Vec::new(),
            uses: Vec::new(),
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
        let by_tensor = self.uses.first().is_some_and(|of_request| !of_request.tensors.is_empty());
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
        self.uses = (0..=self.spec.nodes.len()).map(|_| Use::default()).collect();
        for node in &self.spec.nodes {
            let mut taken: Vec<&Source> = node.when.iter().map(|when| &when.source).collect();
            let mut from = Vec::new();
            match &node.inputs {
                Inputs::Whole(source) => from.push(*source),
                Inputs::Named(inputs) => taken.extend(inputs.iter().map(|input| &input.source)),
            }
            self.sources.push(count_uses(&mut self.uses, from, &taken));
        }
        let outputs: Vec<&Source> = self.spec.outputs.iter().map(|(_, source)| source).collect();
        count_uses(&mut self.uses, Vec::new(), &outputs);
        let of_nodes = self.uses.iter().skip(1).enumerate();
        self.last = of_nodes.filter(|(_, of)| of.consumers == 0).map(|(index, _)| index).collect();
    }

    fn fault(&self, text: &str) -> Error {
        Error::invalid(format!("graph '{}': {text}", self.spec.name))
    }
}

/// Counts one consumer that takes from `from`, and these tensors; gives its sources, each once.
fn count_uses(
    uses: &mut [Use],
    mut from: Vec<Option<usize>>,
    tensors: &[&Source],
) -> Vec<Option<usize>> {
    for source in tensors {
        if let Some(of) = uses.get_mut(slot(source.node)) {
            of.tensors.insert(source.tensor.clone());
        }
        from.push(source.node);
    }
    from.sort_unstable();
    from.dedup();
    for source in &from {
        if let Some(of) = uses.get_mut(slot(*source)) {
            of.consumers += 1;
        }
    }
    from
}

/// Where the request or a node stands in a list of both.
pub(crate) fn slot(source: Option<usize>) -> usize {
    source.map_or(0, |node| node + 1)
}

fn find<'a>(specs: &'a [TensorSpec], name: &str) -> Option<&'a TensorSpec> {
    specs.iter().find(|spec| *spec.name == *name)
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
