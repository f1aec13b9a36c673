//! Graphs of models: what the nodes say, checked and in the order they run.

use std::collections::HashMap;

use crate::error::ConfigError;
use crate::suggest::hint;
use crate::text::quoted;
use crate::types::{DagConfig, DagType, NodeConfig};
use regex::Regex;

/// What a reference calls the request itself.
const REQUEST: &str = "request";
/// What stands before a reference that may be absent.
const OPTIONAL: &str = "optional ";
const CONDITION: &str = r"^(?P<source>\S+?)\s*(?P<comparison>==|!=|<=|>=|<|>)\s*(?P<value>[-+]?[\d.]+(?:[eE][-+]?\d+)?)$";

/// Makes the error for a key path and a message.
pub(crate) type Fail<'a> = &'a dyn Fn(&str, &str) -> ConfigError;

/// A tensor of the request or of a node's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The node's place in the graph; `None` for the request.
    pub node: Option<usize>,
    /// The tensor's name.
    pub tensor: String,
}

/// One tensor of a node's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Its name in the model.
    pub name: String,
    /// Where it comes from.
    pub source: Source,
    /// Whether the node is left out when it is absent.
    pub required: bool,
}

/// Holds when any element of a tensor compares so.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The tensor.
    pub source: Source,
    /// One of `== != < <= > >=`.
    pub comparison: String,
    /// What its elements are compared with.
    pub value: f64,
}

/// One step of a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// The model that it runs.
    pub model: String,
    /// Without `inputs`: the node whose output it works on; `None` for the request.
    pub whole: Option<usize>,
    /// What it takes, tensor by tensor.
    pub inputs: Option<Vec<Input>>,
    /// When it runs.
    pub when: Option<Condition>,
}

/// A graph whose nodes come after those they take from.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// Its name.
    pub name: String,
    /// Its steps.
    pub nodes: Vec<Node>,
    /// Names in the response and what they stand for; empty for all outputs of the last nodes.
    pub outputs: Vec<(String, Source)>,
}

impl Node {
    /// What it takes from, the request as `None`.
    pub fn sources(&self) -> Vec<Option<usize>> {
        let mut taken = match &self.inputs {
            None => vec![self.whole],
            Some(inputs) => inputs.iter().map(|one| one.source.node).collect(),
        };
        taken.extend(self.when.iter().map(|when| when.source.node));
        taken
    }
}

/// Checks a graph at the key path `at` and puts its nodes into the order they run in.
pub(crate) fn plan_graph(dag: &DagConfig, at: &str, fail: Fail<'_>) -> Result<Graph, ConfigError> {
    if dag.kind == DagType::Sequential {
        return chain(dag, at, fail);
    }
    let names = names_of(dag, at, fail)?;
    let condition = Regex::new(CONDITION).map_err(|error| fail(at, &error.to_string()))?;
    let taken: Vec<Vec<usize>> =
        dag.nodes.iter().map(|node| taken_by(node, &names, &condition)).collect();
    let order = sorted(dag, &taken, &format!("{at}.nodes"), fail)?;
    let places =
        order.iter().filter_map(|index| dag.nodes.get(*index)).map(|node| node.name.as_str());
    let resolver = Resolver { names: places.collect(), condition, fail };
    let mut nodes = Vec::with_capacity(order.len());
    for index in order {
        if let Some(node) = dag.nodes.get(index) {
            nodes.push(resolver.node(node, &format!("{at}.nodes[{index}]"))?);
        }
    }
    let mut outputs = Vec::new();
    for (name, reference) in dag.outputs.iter().flatten() {
        let source = resolver.source(reference, &format!("{at}.outputs.{name}"))?;
        outputs.push((name.clone(), source));
    }
    Ok(Graph { name: dag.name.clone(), nodes, outputs })
}

fn chain(dag: &DagConfig, at: &str, fail: Fail<'_>) -> Result<Graph, ConfigError> {
    for key in ["input", "inputs", "when"] {
        let is_given = |node: &NodeConfig| match key {
            "input" => node.input.is_some(),
            "inputs" => node.inputs.is_some(),
            _ => node.when.is_some(),
        };
        if let Some(index) = dag.nodes.iter().position(is_given) {
            return Err(fail(&format!("{at}.nodes[{index}].{key}"), "needs 'type: graph'"));
        }
    }
    if dag.outputs.is_some() {
        return Err(fail(&format!("{at}.outputs"), "needs 'type: graph'"));
    }
    let nodes = dag.nodes.iter().enumerate().map(|(index, node)| Node {
        name: node.name.clone(),
        model: node.model.clone(),
        whole: index.checked_sub(1),
        inputs: None,
        when: None,
    });
    Ok(Graph { name: dag.name.clone(), nodes: nodes.collect(), outputs: Vec::new() })
}

fn names_of<'a>(
    dag: &'a DagConfig,
    at: &str,
    fail: Fail<'_>,
) -> Result<HashMap<&'a str, usize>, ConfigError> {
    let mut names = HashMap::new();
    for (index, node) in dag.nodes.iter().enumerate() {
        let here = format!("{at}.nodes[{index}].name");
        if node.name == REQUEST {
            return Err(fail(&here, "'request' stands for the request"));
        }
        if names.insert(node.name.as_str(), index).is_some() {
            return Err(fail(&here, &format!("node {} is given twice", quoted(&node.name))));
        }
    }
    Ok(names)
}

/// Splits `NODE.TENSOR`; names of nodes may hold dots, so the longest that fits is meant.
fn split<'a>(
    reference: &'a str,
    names: impl Iterator<Item = &'a str>,
) -> Option<(&'a str, &'a str)> {
    let mut best: Option<(&str, &str)> = None;
    for name in std::iter::once(REQUEST).chain(names) {
        let rest = reference.strip_prefix(name).and_then(|rest| rest.strip_prefix('.'));
        if let Some(rest) = rest
            && best.is_none_or(|(most, _)| name.chars().count() > most.chars().count())
        {
            best = Some((name, rest));
        }
    }
    best
}

/// Which nodes a node waits for, as far as its references can be read.
fn taken_by(node: &NodeConfig, names: &HashMap<&str, usize>, condition: &Regex) -> Vec<usize> {
    let inputs = node.inputs.iter().flatten();
    let mut references: Vec<&str> =
        inputs.map(|(_, one)| one.strip_prefix(OPTIONAL).unwrap_or(one)).collect();
    let found = node.when.as_deref().and_then(|when| condition.captures(when));
    references.extend(found.and_then(|found| found.name("source")).map(|source| source.as_str()));
    let mut givers: Vec<&str> = node.input.as_deref().into_iter().collect();
    for reference in references {
        givers.extend(split(reference, names.keys().copied()).map(|(giver, _)| giver));
    }
    givers.into_iter().filter_map(|giver| names.get(giver).copied()).collect()
}

/// The nodes in an order in which each comes after those it takes from.
fn sorted(
    dag: &DagConfig,
    taken: &[Vec<usize>],
    at: &str,
    fail: Fail<'_>,
) -> Result<Vec<usize>, ConfigError> {
    let mut order: Vec<usize> = Vec::new();
    let mut waiting: Vec<usize> = (0..dag.nodes.len()).collect();
    while !waiting.is_empty() {
        let is_ready = |index: &usize| {
            taken.get(*index).is_none_or(|taken| taken.iter().all(|one| order.contains(one)))
        };
        let Some(place) = waiting.iter().position(is_ready) else {
            let text = format!("nodes wait for one another: {}", cycle(dag, taken, &waiting));
            return Err(fail(at, &text));
        };
        order.push(waiting.remove(place));
    }
    Ok(order)
}

fn cycle(dag: &DagConfig, taken: &[Vec<usize>], waiting: &[usize]) -> String {
    let mut path: Vec<usize> = waiting.first().copied().into_iter().collect();
    while let Some(last) = path.last().copied() {
        if let Some(start) = path.iter().position(|one| *one == last)
            && start + 1 < path.len()
        {
            path.drain(..start);
            break;
        }
        let following =
            taken.get(last).and_then(|taken| taken.iter().find(|one| waiting.contains(one)));
        let Some(following) = following else { break };
        path.push(*following);
    }
    let names =
        path.iter().filter_map(|index| dag.nodes.get(*index)).map(|node| node.name.as_str());
    names.collect::<Vec<_>>().join(" <- ")
}

/// Turns the references of one graph into places.
struct Resolver<'a> {
    /// The names of the nodes in their order.
    names: Vec<&'a str>,
    condition: Regex,
    fail: Fail<'a>,
}

impl Resolver<'_> {
    fn node(&self, node: &NodeConfig, at: &str) -> Result<Node, ConfigError> {
        if node.input.is_some() && node.inputs.is_some() {
            return Err((self.fail)(&format!("{at}.input"), "give either 'input' or 'inputs'"));
        }
        if node.inputs.as_ref().is_some_and(Vec::is_empty) {
            return Err((self.fail)(&format!("{at}.inputs"), "at least one tensor is needed"));
        }
        let inputs = node.inputs.as_ref().map(|inputs| {
            inputs
                .iter()
                .map(|(name, reference)| {
                    let plain = reference.strip_prefix(OPTIONAL);
                    let here = format!("{at}.inputs.{name}");
                    let source = self.source(plain.unwrap_or(reference), &here)?;
                    Ok(Input { name: name.clone(), source, required: plain.is_none() })
                })
                .collect()
        });
        let inputs = inputs.transpose()?;
        let whole = node.input.as_deref().map(|name| self.place(name, &format!("{at}.input")));
        let whole = whole.transpose()?.flatten();
        let when = node.when.as_deref().map(|text| self.when(text, &format!("{at}.when")));
        let (name, model) = (node.name.clone(), node.model.clone());
        Ok(Node { name, model, whole, inputs, when: when.transpose()? })
    }

    /// What `NODE.TENSOR` means.
    fn source(&self, reference: &str, at: &str) -> Result<Source, ConfigError> {
        if let Some((node, tensor)) = split_among(reference, &self.names)
            && !tensor.is_empty()
        {
            return Ok(Source { node: self.place(node, at)?, tensor: tensor.to_owned() });
        }
        let node = reference.split_once('.').map(|(node, _)| node);
        if let Some(node) = node
            && node != REQUEST
            && !self.names.contains(&node)
        {
            return Err(self.unknown(node, at));
        }
        let text = format!("expected NODE.TENSOR or request.TENSOR; got {}", quoted(reference));
        Err((self.fail)(at, &text))
    }

    fn when(&self, text: &str, at: &str) -> Result<Condition, ConfigError> {
        let found = self.condition.captures(text);
        let part =
            |name| found.as_ref().and_then(|found| found.name(name)).map(|part| part.as_str());
        let (Some(source), Some(comparison), Some(value)) =
            (part("source"), part("comparison"), part("value"))
        else {
            let text = format!(
                "expected NODE.TENSOR, one of == != < <= > >= and a number, \
                 such as 'detect.count > 0'; got {}",
                quoted(text)
            );
            return Err((self.fail)(at, &text));
        };
        let number = value.parse::<f64>();
        let number =
            number.map_err(|_| (self.fail)(at, &format!("{} is not a number", quoted(value))))?;
        let source = self.source(source, at)?;
        Ok(Condition { source, comparison: comparison.to_owned(), value: number })
    }

    fn place(&self, name: &str, at: &str) -> Result<Option<usize>, ConfigError> {
        if name == REQUEST {
            return Ok(None);
        }
        let place = self.names.iter().position(|one| *one == name);
        place.map(Some).ok_or_else(|| self.unknown(name, at))
    }

    fn unknown(&self, name: &str, at: &str) -> ConfigError {
        let known: Vec<&str> = self.names.iter().copied().chain([REQUEST]).collect();
        let suggestion = hint(name, known.iter().copied());
        let text = format!(
            "there is no node {}{suggestion}; there is: {}",
            quoted(name),
            known.join(", ")
        );
        (self.fail)(at, &text)
    }
}

fn split_among<'a>(reference: &'a str, names: &[&'a str]) -> Option<(&'a str, &'a str)> {
    split(reference, names.iter().copied())
}
