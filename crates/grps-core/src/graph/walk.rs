//! One request on its way through a graph.

use std::collections::HashMap;

use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::error::{Cause, Error};
use crate::graph::node::{Inputs, NodeSpec};
use crate::graph::plan::Graph;
use crate::graph::source::Source;
use crate::request::content::{Content, ContentAdapter, InputForm};
use crate::tensor::tensor::Tensor;

/// What is known of the request or of a node's answer.
#[derive(Debug)]
enum Answer {
    /// The node has not answered yet.
    Awaited,
    /// It was left out.
    Absent,
    /// It has answered; what is taken as a whole, and what is taken tensor by tensor.
    Given { whole: Option<Content>, tensors: Option<Vec<Tensor>> },
}

/// The state of one request.
pub(crate) struct Walk<'a> {
    graph: &'a Graph,
    adapter: &'a dyn ContentAdapter,
    /// The request, then the nodes in order.
    answers: Vec<Answer>,
    /// How often each tensor will still be taken.
    consumers: HashMap<Source, usize>,
    whole_consumers: HashMap<Option<usize>, usize>,
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
            consumers: graph.consumers.clone(),
            whole_consumers: graph.whole_consumers.clone(),
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
        for (index, node) in graph.spec().nodes.iter().enumerate() {
            let waits = self.settled.get(index) != Some(&false) || !self.sources_are_known(node);
            if waits {
                continue;
            }
            if let Some(settled) = self.settled.get_mut(index) {
                *settled = true;
            }
            match self.input_of(node)? {
                Some(content) => ready.push((index, content)),
                // Nodes come after those they take from, so this pass sees all that follows.
                None => self.set(Some(index), Answer::Absent),
            }
        }
        Ok(ready)
    }

    fn sources_are_known(&self, node: &NodeSpec) -> bool {
        let known = |source: Option<usize>| !matches!(self.get(source), Answer::Awaited);
        let inputs = match &node.inputs {
            Inputs::Whole(source) => known(*source),
            Inputs::Named(inputs) => inputs.iter().all(|input| known(input.source.node)),
        };
        inputs && node.when.as_ref().is_none_or(|when| known(when.source.node))
    }

    /// What a node runs on; `None` when it is left out.
    fn input_of(&mut self, node: &NodeSpec) -> Result<Option<Content>, Error> {
        let mut runs = true;
        if let Some(when) = &node.when {
            match self.peek(&when.source) {
                Some(tensor) => runs = when.holds(tensor),
                None => {
                    runs = false;
                    // A client may leave out what a condition asks for; a node may not.
                    if when.source.node.is_some() {
                        self.must_be_absent(
                            &format!("the condition of '{}'", node.name),
                            &when.source,
                        )?;
                    }
                }
            }
            drop(self.take(&when.source, false));
        }
        match &node.inputs {
            Inputs::Whole(source) => Ok(self.take_whole(*source).filter(|_| runs)),
            Inputs::Named(inputs) => {
                let mut tensors = Vec::with_capacity(inputs.len());
                let mut complete = runs;
                for input in inputs {
                    match self.take(&input.source, complete) {
                        Some(mut tensor) => {
                            tensor.rename(&input.name);
                            tensors.push(tensor);
                        }
                        None if complete && input.required => {
                            self.must_be_absent(&format!("node '{}'", node.name), &input.source)?;
                            complete = false;
                        }
                        None => {}
                    }
                }
                Ok(complete.then_some(Content::Tensors(tensors)))
            }
        }
    }

    /// A tensor may be missing because its node was left out, not because it does not exist.
    fn must_be_absent(&self, consumer: &str, source: &Source) -> Result<(), Error> {
        let Answer::Given { tensors, .. } = self.get(source.node) else { return Ok(()) };
        let names = tensors.iter().flatten().map(|tensor| tensor.name());
        let given: Vec<_> =
            names.map(|name| if name.is_empty() { "one without a name" } else { name }).collect();
        let giver = source.node.and_then(|index| self.graph.spec().nodes.get(index));
        let (giver, cause) = match giver {
            Some(giver) => (format!("node '{}'", giver.name), Cause::ModelFailed),
            None => ("the request".to_owned(), Cause::InvalidArgument),
        };
        let message = format!(
            "graph '{}': {consumer} needs the tensor '{}', but {giver} has: {}",
            self.graph.spec().name,
            source.tensor,
            if given.is_empty() { "no other".to_owned() } else { given.join(", ") }
        );
        Err(Error::new(cause, message))
    }

    /// Keeps what the request or a node brought, in the forms in which it will be taken.
    fn keep(&mut self, source: Option<usize>, content: Content) -> Result<(), Error> {
        let by_tensor = self.consumers.keys().any(|taken| taken.node == source);
        let is_last = source.is_some_and(|index| self.graph.last.contains(&index));
        let as_whole = is_last || self.whole_consumers.contains_key(&source);
        let whole = as_whole.then(|| content.clone()).filter(|_| by_tensor);
        let answer = if by_tensor {
            let adapted = self.adapter.adapt(content, InputForm::Tensors);
            match adapted.map_err(|error| self.blame(source, error))? {
                Content::Tensors(tensors) => Answer::Given { whole, tensors: Some(tensors) },
                Content::Message(_) | Content::Raw(_) => Answer::Given { whole, tensors: None },
            }
        } else {
            Answer::Given { whole: Some(content), tensors: None }
        };
        self.set(source, answer);
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

    fn get(&self, source: Option<usize>) -> &Answer {
        let index = source.map_or(0, |index| index + 1);
        self.answers.get(index).unwrap_or(&Answer::Absent)
    }

    fn set(&mut self, source: Option<usize>, answer: Answer) {
        let index = source.map_or(0, |index| index + 1);
        if let Some(slot) = self.answers.get_mut(index) {
            *slot = answer;
        }
    }

    fn tensors_of(&mut self, source: Option<usize>) -> Option<&mut Vec<Tensor>> {
        let index = source.map_or(0, |index| index + 1);
        match self.answers.get_mut(index) {
            Some(Answer::Given { tensors, .. }) => tensors.as_mut(),
            _ => None,
        }
    }

    fn peek(&self, source: &Source) -> Option<&Tensor> {
        let Answer::Given { tensors, .. } = self.get(source.node) else { return None };
        let tensors = tensors.as_ref()?;
        tensors.get(place_of(self.graph, tensors, source)?)
    }

    /// Counts one taking of a tensor and, if `wanted`, gives it: the last consumer gets it itself.
    fn take(&mut self, source: &Source, wanted: bool) -> Option<Tensor> {
        let left = self.consumers.get_mut(source)?;
        *left = left.saturating_sub(1);
        let is_last = *left == 0;
        let graph = self.graph;
        let tensors = self.tensors_of(source.node)?;
        let place = place_of(graph, tensors, source)?;
        match (wanted, is_last) {
            (true, true) => Some(tensors.swap_remove(place)),
            (true, false) => tensors.get(place).cloned(),
            (false, true) => {
                tensors.swap_remove(place);
                None
            }
            (false, false) => None,
        }
    }

    fn take_whole(&mut self, source: Option<usize>) -> Option<Content> {
        let left = self.whole_consumers.get_mut(&source)?;
        *left = left.saturating_sub(1);
        let is_last = *left == 0;
        let index = source.map_or(0, |index| index + 1);
        let Some(Answer::Given { whole, .. }) = self.answers.get_mut(index) else { return None };
        if is_last { whole.take() } else { whole.clone() }
    }

    /// The answer: the outputs that were asked for, or all that the last nodes gave.
    fn finish(mut self) -> Result<Content, Error> {
        let graph = self.graph;
        let spec = graph.spec();
        if let Some(only) = graph.streaming_node() {
            let index = only + 1;
            if let Some(Answer::Given { whole: Some(content), .. }) = self.answers.get_mut(index) {
                return Ok(std::mem::replace(content, Content::Tensors(Vec::new())));
            }
        }
        let mut outputs = Vec::new();
        if spec.outputs.is_empty() {
            self.collect_last(&mut outputs)?;
        }
        for (name, source) in &spec.outputs {
            match self.take(source, true) {
                Some(mut tensor) => {
                    tensor.rename(name);
                    outputs.push(tensor);
                }
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

    fn collect_last(&mut self, outputs: &mut Vec<Tensor>) -> Result<(), Error> {
        let graph = self.graph;
        for index in &graph.last {
            let Some(Answer::Given { whole, .. }) = self.answers.get_mut(index + 1) else {
                continue;
            };
            let Some(content) = whole.take() else { continue };
            let Content::Tensors(tensors) = self.adapter.adapt(content, InputForm::Tensors)? else {
                continue;
            };
            for mut tensor in tensors {
                if outputs.iter().any(|known: &Tensor| known.name() == tensor.name()) {
                    let node = graph.spec().nodes.get(*index).map_or("", |node| &node.name);
                    let name = format!("{node}.{}", tensor.name());
                    tensor.rename(&name);
                }
                outputs.push(tensor);
            }
        }
        Ok(())
    }
}

/// Where a tensor is. The only tensor there is may go without a name, if only one is asked for.
fn place_of(graph: &Graph, tensors: &[Tensor], source: &Source) -> Option<usize> {
    let named = tensors.iter().position(|tensor| tensor.name() == source.tensor);
    named.or_else(|| match tensors {
        [only] if only.name().is_empty() => {
            let asked_for = graph.consumers.keys().filter(|taken| taken.node == source.node);
            (asked_for.count() == 1).then_some(0)
        }
        _ => None,
    })
}
