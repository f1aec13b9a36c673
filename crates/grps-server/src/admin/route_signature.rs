//! The inputs and outputs of a model or graph.

use std::sync::Arc;

use grps_core::graph::{Graph, InputSpec, Inputs, Source};
use grps_core::{Route, TensorSpec};

/// The inputs of a route; empty when they are not known.
pub(crate) fn inputs(route: &Route) -> Vec<TensorSpec> {
    if let Some(graph) = route.graph() {
        return graph_inputs(graph);
    }
    let signature = route.models().first().and_then(|model| model.spec().signature.as_ref());
    signature.map(|signature| signature.inputs.clone()).unwrap_or_default()
}

/// The outputs of a route; empty when they are not known.
pub(crate) fn outputs(route: &Route) -> Vec<TensorSpec> {
    if let Some(graph) = route.graph() {
        return graph_outputs(graph);
    }
    let signature = route.models().last().and_then(|model| model.spec().signature.as_ref());
    signature.map(|signature| signature.outputs.clone()).unwrap_or_default()
}

/// The inputs of a graph, with types and shapes from the signatures of its models.
pub(crate) fn graph_inputs(graph: &Graph) -> Vec<TensorSpec> {
    let mut graph_inputs: Vec<TensorSpec> = Vec::new();
    for (node, model) in graph.spec().nodes.iter().zip(graph.models()) {
        let declared = model.spec().signature.as_ref().map(|signature| signature.inputs.as_slice());
        let declared = declared.unwrap_or_default();
        let node_inputs: Vec<TensorSpec> = match &node.inputs {
            Inputs::Whole(None) => declared.to_vec(),
            Inputs::Whole(Some(_)) => Vec::new(),
            Inputs::Named(inputs) => {
                let from_request = inputs.iter().filter(|input| input.source.node.is_none());
                let describe = |input: &InputSpec| {
                    let spec = declared.iter().find(|spec| spec.name == input.name);
                    TensorSpec {
                        name: input.source.tensor.as_str().into(),
                        dtype: spec.and_then(|spec| spec.dtype),
                        shape: spec.and_then(|spec| spec.shape.clone()),
                        required: input.required,
                    }
                };
                from_request.map(describe).collect()
            }
        };
        for tensor in node_inputs {
            if graph_inputs.iter().all(|input| input.name != tensor.name) {
                graph_inputs.push(tensor);
            }
        }
    }
    graph_inputs
}

/// The outputs of a graph, with types and shapes from the signatures of its models.
fn graph_outputs(graph: &Graph) -> Vec<TensorSpec> {
    let named = &graph.spec().outputs;
    if !named.is_empty() {
        return named.iter().map(|(name, source)| graph_output(graph, name, source)).collect();
    }
    let last = graph.models().last().and_then(|model| model.spec().signature.as_ref());
    last.map(|signature| signature.outputs.clone()).unwrap_or_default()
}

fn graph_output(graph: &Graph, name: &Arc<str>, source: &Source) -> TensorSpec {
    let model = source.node.and_then(|node| graph.models().get(node));
    let signature = model.and_then(|model| model.spec().signature.as_ref());
    let declared = signature.map(|signature| signature.outputs.as_slice()).unwrap_or_default();
    let spec = declared.iter().find(|spec| *spec.name == *source.tensor);
    TensorSpec {
        name: Arc::clone(name),
        dtype: spec.and_then(|spec| spec.dtype),
        shape: spec.and_then(|spec| spec.shape.clone()),
        required: true,
    }
}
