//! The graphs of a service, put behind the server once their models are loaded.

use grps_config::types::{DagConfig, DagType, InferenceConfig};
use grps_config::{Graph, Source, plan};
use grps_core::graph::{Comparison, Condition, GraphSpec, InputSpec, Inputs, NodeSpec};
use grps_core::{Error, Registry};

/// Serves all graphs and writes them into the log.
pub(crate) fn serve_graphs(registry: &Registry, config: &InferenceConfig) -> Result<(), String> {
    let graphs = config.dag.iter().map(|dag| (dag, true));
    for (dag, is_default) in graphs.chain(config.graphs.iter().map(|graph| (graph, false))) {
        let graph = plan(dag).map_err(|error| error.to_string())?;
        if dag.nodes.len() > 1 {
            for line in drawn(&graph) {
                tracing::info!("{line}");
            }
        }
        serve(registry, dag, graph, is_default).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn serve(
    registry: &Registry,
    dag: &DagConfig,
    graph: Graph,
    is_default: bool,
) -> Result<(), Error> {
    if is_default && dag.kind == DagType::Sequential {
        let models: Vec<String> = dag.nodes.iter().map(|node| node.model.clone()).collect();
        return registry.set_default(&models);
    }
    registry.put_graph(spec_of(graph), is_default)
}

fn spec_of(graph: Graph) -> GraphSpec {
    let metadata = described(&graph);
    let outputs = graph.outputs.into_iter();
    let outputs = outputs.map(|(name, source)| (name.into(), source_of(source))).collect();
    let nodes = graph.nodes.into_iter().map(|node| {
        let inputs = match node.inputs {
            None => Inputs::Whole(node.whole),
            Some(inputs) => {
                let inputs = inputs.into_iter().map(|one| InputSpec {
                    name: one.name.into(),
                    source: source_of(one.source),
                    required: one.required,
                });
                Inputs::Named(inputs.collect())
            }
        };
        let when = node.when.map(|when| Condition {
            source: source_of(when.source),
            // The configuration was checked for the others.
            comparison: Comparison::from_sign(&when.comparison).unwrap_or(Comparison::Equal),
            value: when.value,
        });
        NodeSpec { name: node.name, model: node.model, inputs, when }
    });
    GraphSpec { name: graph.name, nodes: nodes.collect(), outputs, metadata }
}

fn source_of(source: Source) -> grps_core::graph::Source {
    grps_core::graph::Source { node: source.node, tensor: source.tensor }
}

/// What `metadata/model` says of a graph: the tensors of the request that its nodes name, without the
/// types that its models may have for them.
fn described(graph: &Graph) -> String {
    let mut text = format!("name: {}\ntype: graph\nnodes:\n", quoted(&graph.name));
    for node in &graph.nodes {
        text += &format!("- name: {}\n  model: {}\n", quoted(&node.name), quoted(&node.model));
    }
    let taken = graph.nodes.iter().flat_map(|node| node.inputs.iter().flatten());
    let taken = taken.filter(|one| one.source.node.is_none());
    let mut inputs: Vec<&str> = Vec::new();
    for name in taken.map(|one| one.source.tensor.as_str()) {
        if !inputs.contains(&name) {
            inputs.push(name);
        }
    }
    if !inputs.is_empty() {
        text += "inputs:\n";
    }
    for name in inputs {
        text += &format!("- name: {}\n", quoted(name));
    }
    if !graph.outputs.is_empty() {
        text += "outputs:\n";
    }
    for (name, _) in &graph.outputs {
        text += &format!("- {}\n", quoted(name));
    }
    text
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A line for the graph and one for each node.
fn drawn(graph: &Graph) -> Vec<String> {
    let name_of = |place: Option<usize>| {
        place.and_then(|place| graph.nodes.get(place)).map_or("request", |node| node.name.as_str())
    };
    let mut lines = vec![format!("graph {}", graph.name)];
    for node in &graph.nodes {
        let taken: Vec<&str> = node.sources().into_iter().map(name_of).collect();
        lines.push(format!("├─ {} ({}) ← {}", node.name, node.model, taken.join(", ")));
    }
    let outputs = graph.outputs.iter();
    let outputs: Vec<String> = outputs
        .map(|(name, source)| format!("{name} ← {}.{}", name_of(source.node), source.tensor))
        .collect();
    let last = graph.nodes.last().map_or("", |node| node.name.as_str());
    let answer = if outputs.is_empty() { last.to_owned() } else { outputs.join(", ") };
    lines.push(format!("└─ answer: {answer}"));
    lines
}
