//! One request on its way through a graph.

use std::mem;

use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::error::{Cause, Error};
use crate::graph::node::{Inputs, NodeSpec};
use crate::graph::plan::{Graph, slot};
use crate::graph::source::Source;
use crate::request::content::{Content, ContentAdapter};
use crate::tensor::tensor::Tensor;
use crate::text::shown;

/// Most names of tensors in an error.
const MAX_NAMES: usize = 20;

/// What the request holds, or a node's output.
#[derive(Debug)]
enum Answer {
    /// The node has no output yet.
    Awaited,
    /// The node was left out, or all that take its output have it.
    Absent,
    /// It is there.
    Given {
        whole: Content,
        /// The tensors of a message, decoded if any of them is taken.
        decoded: Vec<Tensor>,
    },
}

/// The state of one request.
pub(crate) struct Walk<'a> {
    graph: &'a Graph,
    adapter: &'a dyn ContentAdapter,
    /// The request, then the nodes in order.
    answers: Vec<Answer>,
    /// How many consumers of each are left. The last one releases it here, so that an instance may
    /// take the memory of its input over.
    consumers: Vec<usize>,
    /// Nodes that have begun, or were left out.
    settled: Vec<bool>,
}

impl<'a> Walk<'a> {
    /// Begins with a request.
    ///
    /// # Errors
    /// `InvalidArgument` when it has no tensors though some are taken from it.
    pub(crate) fn new(
        graph: &'a Graph,
        adapter: &'a dyn ContentAdapter,
        request: Content,
    ) -> Result<Self, Error> {
        let nodes = graph.models().len();
        let mut walk = Self {
            graph,
            adapter,
            answers: (0..=nodes).map(|_| Answer::Awaited).collect(),
            consumers: graph.uses.iter().map(|of| of.consumers).collect(),
            settled: vec![false; nodes],
        };
        walk.keep(None, request)?;
        Ok(walk)
    }

    /// Runs all nodes, each as soon as its input is there; `call` runs one on its input.
    ///
    /// # Errors
    /// The first node's that failed; those that run beside it are cancelled.
    pub(crate) async fn run<F: Future<Output = Result<Content, Error>>>(
        mut self,
        call: impl Fn(usize, Content) -> F,
    ) -> Result<Content, Error> {
        let mut running = FuturesUnordered::new();
        loop {
            for (index, content) in self.start()? {
                let answer = call(index, content);
                running.push(async move { (index, answer.await) });
            }
            match running.next().await {
                Some((index, answer)) => self.keep(Some(index), answer?)?,
                None => return self.finish(),
            }
        }
    }

    /// Settles every node whose sources are; gives those to run with their inputs.
    fn start(&mut self) -> Result<Vec<(usize, Content)>, Error> {
        let mut ready = Vec::new();
        let graph = self.graph;
        for (index, (node, sources)) in graph.spec().nodes.iter().zip(&graph.sources).enumerate() {
            let Some(settled) = self.settled.get_mut(index).filter(|settled| !**settled) else {
                continue;
            };
            let awaited = |source: &Option<usize>| {
                matches!(self.answers.get(slot(*source)), Some(Answer::Awaited))
            };
            if sources.iter().any(awaited) {
                continue;
            }
            *settled = true;
            match self.input_of(node)? {
                Some(content) => ready.push((index, content)),
                // Nodes come after those they take from, so this pass sees all that follows.
                None => self.set(Some(index), Answer::Absent),
            }
            sources.iter().for_each(|source| self.release(*source));
        }
        Ok(ready)
    }

    /// What a node runs on; `None` when it is left out.
    fn input_of(&self, node: &NodeSpec) -> Result<Option<Content>, Error> {
        if let Some(when) = &node.when {
            let tensor = self.find(&when.source);
            // A client may leave out what a condition asks for; a node may not.
            if tensor.is_none() && when.source.node.is_some() {
                self.must_be_absent(&format!("the condition of '{}'", node.name), &when.source)?;
            }
            if !tensor.is_some_and(|tensor| when.holds(tensor)) {
                return Ok(None);
            }
        }
        let inputs = match &node.inputs {
            Inputs::Whole(source) => return Ok(self.whole(*source).cloned()),
            Inputs::Named(inputs) => inputs,
        };
        let mut tensors = Vec::with_capacity(inputs.len());
        for input in inputs {
            match self.find(&input.source) {
                Some(tensor) => tensors.push(tensor.renamed(&input.name)),
                None if input.required => {
                    self.must_be_absent(&format!("node '{}'", node.name), &input.source)?;
                    return Ok(None);
                }
                None => {}
            }
        }
        Ok(Some(Content::Tensors(tensors)))
    }

    /// A tensor may be missing because its node was left out, not because it does not exist.
    fn must_be_absent(&self, consumer: &str, source: &Source) -> Result<(), Error> {
        if self.whole(source.node).is_none() {
            return Ok(());
        }
        let given = describe_names(self.tensors(source.node));
        let giver = source.node.and_then(|index| self.graph.spec().nodes.get(index));
        let (giver, cause) = match giver {
            Some(giver) => (format!("node '{}'", giver.name), Cause::ModelFailed),
            None => ("the request".to_owned(), Cause::InvalidArgument),
        };
        let message = format!(
            "graph '{}': {consumer} needs the tensor '{}', but {giver} has: {}",
            self.graph.spec().name,
            source.tensor,
            given
        );
        Err(Error::new(cause, message))
    }

    /// Keeps the request or a node's output, and its tensors if they are taken one by one.
    fn keep(&mut self, source: Option<usize>, content: Content) -> Result<(), Error> {
        let by_tensor = self.graph.uses.get(slot(source)).is_some_and(|of| !of.tensors.is_empty());
        let decoded = match &content {
            Content::Message(message) if by_tensor => {
                let decoded = self.adapter.to_tensors(message.clone());
                decoded.map_err(|error| self.blame(source, error))?
            }
            _ => Vec::new(),
        };
        self.set(source, Answer::Given { whole: content, decoded });
        Ok(())
    }

    /// Says which node answered what can't be taken; a request's fault stays its client's.
    fn blame(&self, source: Option<usize>, error: Error) -> Error {
        let node = source.and_then(|index| self.graph.spec().nodes.get(index));
        let Some(node) = node else { return error };
        let graph = &self.graph.spec().name;
        let text =
            format!("graph '{graph}': node '{}' did not answer with tensors: {error}", node.name);
        Error::new(Cause::ModelFailed, text)
    }

    fn set(&mut self, source: Option<usize>, answer: Answer) {
        if let Some(slot) = self.answers.get_mut(slot(source)) {
            *slot = answer;
        }
    }

    /// Counts one consumer less; behind the last one nothing is kept.
    fn release(&mut self, source: Option<usize>) {
        let Some(left) = self.consumers.get_mut(slot(source)) else { return };
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.set(source, Answer::Absent);
        }
    }

    fn whole(&self, source: Option<usize>) -> Option<&Content> {
        match self.answers.get(slot(source)) {
            Some(Answer::Given { whole, .. }) => Some(whole),
            _ => None,
        }
    }

    fn tensors(&self, source: Option<usize>) -> &[Tensor] {
        match self.answers.get(slot(source)) {
            Some(Answer::Given { whole: Content::Tensors(tensors), .. }) => tensors,
            Some(Answer::Given { decoded, .. }) => decoded,
            _ => &[],
        }
    }

    /// A tensor. The only one there is may go without a name, if only one is asked for.
    fn find(&self, source: &Source) -> Option<&Tensor> {
        let tensors = self.tensors(source.node);
        let named = tensors.iter().find(|tensor| tensor.name() == source.tensor);
        named.or_else(|| match (tensors, self.graph.uses.get(slot(source.node))) {
            ([only], Some(of)) if only.name().is_empty() && of.tensors.len() == 1 => Some(only),
            _ => None,
        })
    }

    /// The answer: the outputs that were asked for, or all that the last nodes gave.
    fn finish(mut self) -> Result<Content, Error> {
        let graph = self.graph;
        let spec = graph.spec();
        if let Some(content) = graph.streaming_node().and_then(|only| self.take(only)) {
            return Ok(content);
        }
        let mut outputs = Vec::new();
        if spec.outputs.is_empty() {
            self.collect_last(&mut outputs)?;
        }
        for (name, source) in &spec.outputs {
            match self.find(source) {
                Some(tensor) => outputs.push(tensor.renamed(name)),
                None => self.must_be_absent(&format!("the output '{name}'"), source)?,
            }
        }
        if outputs.is_empty() {
            let message =
                format!("graph '{}': every node that makes its answer was left out", spec.name);
            return Err(Error::new(Cause::ModelFailed, message));
        }
        Ok(Content::Tensors(outputs))
    }

    fn take(&mut self, node: usize) -> Option<Content> {
        match mem::replace(self.answers.get_mut(slot(Some(node)))?, Answer::Absent) {
            Answer::Given { whole, .. } => Some(whole),
            _ => None,
        }
    }

    fn collect_last(&mut self, outputs: &mut Vec<Tensor>) -> Result<(), Error> {
        let graph = self.graph;
        for index in &graph.last {
            let Some(content) = self.take(*index) else { continue };
            let tensors = match content {
                Content::Tensors(tensors) => tensors,
                Content::Message(message) => self.adapter.to_tensors(message)?,
                Content::Raw(_) => continue,
            };
            for mut tensor in tensors {
                if outputs.iter().any(|known: &Tensor| known.name() == tensor.name()) {
                    let node = graph.spec().nodes.get(*index).map_or("", |node| &node.name);
                    tensor.rename(format!("{node}.{}", tensor.name()));
                }
                outputs.push(tensor);
            }
        }
        Ok(())
    }
}

/// The names of tensors, which may be a client's, for an error.
fn describe_names(tensors: &[Tensor]) -> String {
    if tensors.is_empty() {
        return "no other".to_owned();
    }
    let describe = |tensor: &Tensor| match tensor.name() {
        "" => "one without a name".to_owned(),
        name => shown(name).into_owned(),
    };
    let names: Vec<_> = tensors.iter().take(MAX_NAMES).map(describe).collect();
    let names = names.join(", ");
    match tensors.len().saturating_sub(MAX_NAMES) {
        0 => names,
        more => format!("{names} and {more} more"),
    }
}
