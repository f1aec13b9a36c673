//! Tests of graphs with instances that are plain threads.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::engine::{Engine, Limits};
use crate::error::{Cause, Error};
use crate::health::Health;
use crate::metrics::StatsRegistry;
use crate::models::model::Model;
use crate::models::model_spec::ModelSpec;
use crate::models::route_query::RouteQuery;
use crate::request::content::{Content, ContentAdapter, InputForm};
use crate::request::request::{Request, SchedulingOptions};
use crate::request::timeline::Timeline;
use crate::scheduling::batching::BatchPolicy;
use crate::scheduling::entry::Entry;
use crate::scheduling::puller::Pulled;
use crate::tensor::dtype::DataType;
use crate::tensor::signature::{Naming, Signature, TensorSpec};
use crate::tensor::tensor::Tensor;
use crate::tensor::values::{Elements, Values};

const GUARD: Duration = Duration::from_secs(20);

struct NoMessages;

impl ContentAdapter for NoMessages {
    fn to_tensors(&self, _: bytes::Bytes) -> Result<Vec<Tensor>, Error> {
        Err(Error::invalid("no messages here"))
    }

    fn to_message(&self, _: &[Tensor]) -> Result<bytes::Bytes, Error> {
        Ok(bytes::Bytes::new())
    }
}

fn engine() -> Engine {
    let limits = Limits { max_concurrency: 8, max_queue: 8 };
    Engine::new(limits, Health::new(true), Box::new(NoMessages))
}

/// Adds a model of which `answer` runs in a thread for as long as the engine lives.
fn add(engine: &Engine, name: &str, answer: impl Fn(&Entry) -> Outcome + Send + 'static) {
    let spec = ModelSpec {
        batching: BatchPolicy::default(),
        ..ModelSpec::new(name, "1", InputForm::Tensors)
    };
    let (model, queue) = Model::pulled(spec);
    engine.registry().put(model).unwrap();
    let puller = queue.attach("i");
    std::thread::spawn(move || {
        while let Pulled::Batch(batch) = puller.pull(GUARD) {
            for entry in batch.entries {
                let outcome = answer(&entry);
                entry.reply.send(outcome);
            }
        }
    });
}

type Outcome = Result<Content, Error>;

fn tensor(name: &str, value: i64) -> Tensor {
    Tensor::new(name.into(), vec![1], Values::Int64(vec![value])).unwrap()
}

fn value(tensor: &Tensor) -> i64 {
    match tensor.elements() {
        Elements::Int64(values) => values[0],
        other => panic!("expected int64, got {}", other.dtype()),
    }
}

fn tensors(content: &Content) -> &[Tensor] {
    match content {
        Content::Tensors(tensors) => tensors,
        other => panic!("expected tensors, got {other:?}"),
    }
}

/// Answers the sum of its inputs and `more`, as `sum`, and how many there were, as `count`.
fn summing(more: i64) -> impl Fn(&Entry) -> Outcome + Send + 'static {
    move |entry| {
        let inputs = tensors(&entry.content);
        let sum = inputs.iter().map(value).sum::<i64>() + more;
        let count = i64::try_from(inputs.len()).unwrap();
        Ok(Content::Tensors(vec![tensor("sum", sum), tensor("count", count)]))
    }
}

fn source(node: Option<usize>, tensor: &str) -> Source {
    Source { node, tensor: tensor.into() }
}

fn input(name: &str, from: Source) -> InputSpec {
    InputSpec { name: name.into(), source: from, required: true }
}

fn node(name: &str, inputs: Inputs) -> NodeSpec {
    NodeSpec { name: name.into(), model: format!("{name}-1"), inputs, when: None }
}

fn graph(nodes: Vec<NodeSpec>, outputs: Vec<(&str, Source)>) -> GraphSpec {
    let outputs = outputs.into_iter().map(|(name, source)| (name.into(), source)).collect();
    GraphSpec { name: "g".into(), nodes, outputs, metadata: String::new() }
}

async fn ask(engine: &Engine, request: Vec<Tensor>) -> Result<Vec<(String, i64)>, Error> {
    let request = Request {
        timeline: Arc::new(Timeline::new("r", None)),
        content: Content::Tensors(request),
        options: SchedulingOptions::default(),
        attachment: None,
    };
    let answer =
        engine.infer(&engine.registry().resolve(&RouteQuery::named("g"))?, request).await?;
    Ok(tensors(&answer).iter().map(|t| (t.name().to_owned(), value(t))).collect())
}

fn named(pairs: &[(&str, i64)]) -> Vec<(String, i64)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

/// `left` and `right` take the request, `join` takes both.
fn diamond() -> GraphSpec {
    let join = Inputs::Named(vec![
        input("a", source(Some(0), "sum")),
        input("b", source(Some(1), "sum")),
        input("c", source(None, "x")),
    ]);
    graph(
        vec![
            node("left", Inputs::Whole(None)),
            node("right", Inputs::Named(vec![input("y", source(None, "x"))])),
            node("join", join),
        ],
        vec![("total", source(Some(2), "sum")), ("inputs", source(Some(2), "count"))],
    )
}

#[tokio::test]
async fn branches_run_side_by_side() {
    let engine = engine();
    let (left_met, left) = mpsc::channel::<()>();
    let (right_met, right) = mpsc::channel::<()>();
    // Each waits for the other: one after the other they would never end.
    add(&engine, "left", move |entry| {
        right_met.send(()).unwrap();
        left.recv_timeout(GUARD).unwrap();
        summing(10)(entry)
    });
    add(&engine, "right", move |entry| {
        left_met.send(()).unwrap();
        right.recv_timeout(GUARD).unwrap();
        summing(100)(entry)
    });
    add(&engine, "join", summing(0));
    engine.registry().put_graph(diamond(), true).unwrap();
    let answer = ask(&engine, vec![tensor("x", 1)]).await.unwrap();
    assert_eq!(answer, named(&[("total", 113), ("inputs", 3)]));
    assert!(engine.registry().resolve(&RouteQuery::named("")).unwrap().graph().is_some());
}

#[tokio::test]
async fn a_failed_node_cancels_the_one_beside_it() {
    let engine = engine();
    let (told, cancelled) = mpsc::channel::<()>();
    let (begins, begun) = mpsc::channel::<()>();
    add(&engine, "left", move |entry| {
        begins.send(()).unwrap();
        while !entry.reply.is_closed() {
            std::thread::yield_now();
        }
        told.send(()).unwrap();
        summing(0)(entry)
    });
    add(&engine, "right", move |_| {
        // A call that has not begun is taken out of its queue instead.
        begun.recv_timeout(GUARD).unwrap();
        Err(Error::new(Cause::ModelFailed, "boom"))
    });
    add(&engine, "join", summing(0));
    engine.registry().put_graph(diamond(), false).unwrap();
    let failed = ask(&engine, vec![tensor("x", 1)]).await.unwrap_err();
    assert_eq!(failed.message(), "boom");
    cancelled.recv_timeout(GUARD).unwrap();
}

/// `gate` takes the request; `deep` runs if the gate's sum is over 5; `end` takes deep's optionally.
fn conditional(required: bool) -> GraphSpec {
    let when =
        Condition { source: source(Some(0), "sum"), comparison: Comparison::Greater, value: 5.0 };
    let deep = node("deep", Inputs::Named(vec![input("x", source(Some(0), "sum"))]));
    let optional = InputSpec { required, ..input("d", source(Some(1), "sum")) };
    let end = Inputs::Named(vec![input("g", source(Some(0), "sum")), optional]);
    graph(
        vec![
            node("gate", Inputs::Whole(None)),
            NodeSpec { when: Some(when), ..deep },
            node("end", end),
        ],
        vec![("end", source(Some(2), "sum")), ("deep", source(Some(1), "sum"))],
    )
}

fn conditional_engine(required: bool) -> Engine {
    let engine = engine();
    for (name, more) in [("gate", 0), ("deep", 1000), ("end", 0)] {
        add(&engine, name, summing(more));
    }
    engine.registry().put_graph(conditional(required), false).unwrap();
    engine
}

#[tokio::test]
async fn a_branch_runs_only_when_its_condition_holds() {
    let engine = conditional_engine(false);
    let small = ask(&engine, vec![tensor("x", 5)]).await.unwrap();
    assert_eq!(small, named(&[("end", 5)]));
    let large = ask(&engine, vec![tensor("x", 6)]).await.unwrap();
    assert_eq!(large, named(&[("end", 1012), ("deep", 1006)]));
}

#[tokio::test]
async fn what_needs_an_absent_tensor_is_left_out_too() {
    let engine = conditional_engine(true);
    let nothing = ask(&engine, vec![tensor("x", 5)]).await.unwrap_err();
    assert!(nothing.message().contains("every node that makes its answer was left out"));
    let large = ask(&engine, vec![tensor("x", 6)]).await.unwrap();
    assert_eq!(large, named(&[("end", 1012), ("deep", 1006)]));
}

#[tokio::test]
async fn a_missing_tensor_is_told() {
    let engine = engine();
    for name in ["left", "right", "join"] {
        add(&engine, name, summing(0));
    }
    engine.registry().put_graph(diamond(), false).unwrap();
    let error = ask(&engine, vec![tensor("z", 1), tensor("w", 1)]).await.unwrap_err();
    assert_eq!(error.cause(), Cause::InvalidArgument);
    assert_eq!(
        error.message(),
        "graph 'g': node 'right' needs the tensor 'x', but the request has: z, w"
    );
    // The only tensor may be without a name.
    assert!(ask(&engine, vec![tensor("", 1)]).await.is_ok());
}

/// What a graph of one node, `n`, and a taker of its sum answers when asked.
async fn ask_taking(when: Option<Source>, inputs: Vec<InputSpec>, output: Source) -> Error {
    let engine = engine();
    add(&engine, "n", summing(0));
    add(&engine, "t", summing(0));
    let when =
        when.map(|source| Condition { source, comparison: Comparison::Greater, value: -1.0 });
    let taker = NodeSpec { when, ..node("t", Inputs::Named(inputs)) };
    let nodes = vec![node("n", Inputs::Whole(None)), taker];
    engine.registry().put_graph(graph(nodes, vec![("o", output)]), false).unwrap();
    ask(&engine, vec![tensor("x", 1)]).await.unwrap_err()
}

#[tokio::test]
async fn a_tensor_that_a_node_did_not_answer_is_never_passed_over() {
    let takes = || vec![input("x", source(Some(0), "sum"))];
    let by_condition =
        ask_taking(Some(source(Some(0), "summ")), takes(), source(Some(1), "sum")).await;
    assert_eq!(by_condition.cause(), Cause::ModelFailed);
    assert_eq!(
        by_condition.message(),
        "graph 'g': the condition of 't' needs the tensor 'summ', but node 'n' has: sum, count"
    );
    let by_output = ask_taking(None, takes(), source(Some(1), "summ")).await;
    assert_eq!(by_output.cause(), Cause::ModelFailed);
    assert_eq!(
        by_output.message(),
        "graph 'g': the output 'o' needs the tensor 'summ', but node 't' has: sum, count"
    );
}

#[tokio::test]
async fn a_condition_on_what_the_request_leaves_out_does_not_hold() {
    let takes = vec![input("x", source(Some(0), "sum"))];
    let failed = ask_taking(Some(source(None, "flag")), takes, source(Some(1), "sum")).await;
    assert!(failed.message().contains("every node that makes its answer was left out"));
}

#[tokio::test]
async fn a_nameless_tensor_is_taken_only_when_one_is_asked_for() {
    for optional_first in [true, false] {
        let engine = engine();
        add(&engine, "n", summing(0));
        let optional = InputSpec { required: false, ..input("z", source(None, "z")) };
        let mut inputs = vec![input("x", source(None, "x")), optional];
        if optional_first {
            inputs.reverse();
        }
        let nodes = vec![node("n", Inputs::Named(inputs))];
        engine.registry().put_graph(graph(nodes, vec![]), false).unwrap();
        let failed = ask(&engine, vec![tensor("", 1)]).await.unwrap_err();
        assert_eq!(failed.cause(), Cause::InvalidArgument);
        assert_eq!(
            failed.message(),
            "graph 'g': node 'n' needs the tensor 'x', but the request has: one without a name"
        );
        assert!(ask(&engine, vec![tensor("x", 1)]).await.is_ok());
    }
}

#[tokio::test]
async fn without_outputs_all_last_nodes_answer() {
    let engine = engine();
    for (name, more) in [("left", 1), ("right", 2)] {
        add(&engine, name, summing(more));
    }
    let nodes = vec![node("left", Inputs::Whole(None)), node("right", Inputs::Whole(None))];
    engine.registry().put_graph(graph(nodes, vec![]), false).unwrap();
    let answer = ask(&engine, vec![tensor("x", 1)]).await.unwrap();
    let expected = [("sum", 2), ("count", 1), ("right.sum", 3), ("right.count", 1)];
    assert_eq!(answer, named(&expected));
}

fn model(name: &str, inputs: &[(&str, DataType)], outputs: &[(&str, DataType)]) -> Arc<Model> {
    let specs = |given: &[(&str, DataType)]| {
        let spec = |(name, dtype): &(&str, DataType)| TensorSpec {
            name: (*name).into(),
            dtype: Some(*dtype),
            shape: Some(vec![None]),
            required: true,
        };
        given.iter().map(spec).collect()
    };
    let signature =
        Signature { inputs: specs(inputs), outputs: specs(outputs), naming: Naming::Strict };
    let spec =
        ModelSpec { signature: Some(signature), ..ModelSpec::new(name, "1", InputForm::Tensors) };
    Arc::new(Model::pulled(spec).0)
}

fn refusal(nodes: Vec<NodeSpec>, outputs: Vec<(&str, Source)>) -> String {
    let models = [
        model("a", &[("x", DataType::Int64)], &[("y", DataType::Int64)]),
        model("b", &[("x", DataType::Float32)], &[("y", DataType::Int64)]),
    ];
    let find = |name: &str| {
        let found = models.iter().find(|model| model.key() == name);
        found.cloned().ok_or_else(|| Error::new(Cause::NotFound, "no such model"))
    };
    Graph::new(graph(nodes, outputs), &StatsRegistry::default(), find)
        .unwrap_err()
        .message()
        .to_owned()
}

#[test]
fn what_can_not_fit_is_refused_at_once() {
    let from = |index: usize, tensor: &str| source(Some(index), tensor);
    let takes = |name: &str, from: Source| Inputs::Named(vec![input(name, from)]);
    let start = || node("a", Inputs::Whole(None));
    for (nodes, outputs, expected) in [
        (vec![], vec![], "graph 'g': it has no node"),
        (vec![node("c", Inputs::Whole(None))], vec![], "no such model"),
        (vec![node("a", Inputs::Whole(Some(0)))], vec![], "node 'a' comes before its input"),
        (vec![node("a", takes("x", from(0, "y")))], vec![], "'a' comes before 'a', its input"),
        (vec![start(), node("b", takes("z", from(0, "y")))], vec![], "its model has no input 'z'"),
        (
            vec![start(), node("b", takes("x", from(0, "z")))],
            vec![],
            "'b' takes 'z' of node 'a', whose outputs are y int64[?]",
        ),
        (
            vec![start(), node("b", takes("x", from(0, "y")))],
            vec![],
            "node 'b': input x float32[?] can't be y int64[?]",
        ),
        (vec![start()], vec![("o", from(1, "y"))], "takes from a node that is not there"),
        (vec![start()], vec![("o", from(0, "z"))], "'output o' takes 'z' of node 'a'"),
    ] {
        let text = refusal(nodes, outputs);
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn names_are_taken_once() {
    let engine = engine();
    add(&engine, "g", summing(0));
    let nodes = vec![NodeSpec { model: "g-1".into(), ..node("n", Inputs::Whole(None)) }];
    let taken = engine.registry().put_graph(graph(nodes, vec![]), false).unwrap_err();
    assert_eq!(taken.message(), "graph 'g': the name is taken");
}

/// What a node takes, by number, and whether it needs it; and what must be greater than a value.
type RandomNode = (Vec<(usize, bool)>, Option<(usize, i64)>);

/// A random graph: each node takes some tensors of the request or of nodes before it.
fn random_nodes() -> impl Strategy<Value = Vec<RandomNode>> {
    let inputs = prop::collection::vec((0usize..100, any::<bool>()), 1..4);
    let when = prop::option::weighted(0.4, (0usize..100, -20i64..60));
    prop::collection::vec((inputs, when), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_graph_answers_as_the_plain_reading_of_it(nodes in random_nodes(), x in -30i64..30) {
        let engine = engine();
        let mut specs = Vec::new();
        // What a plain reading gives: the sum of each node, or nothing when it is left out.
        let mut sums: Vec<Option<i64>> = Vec::new();
        for (index, (inputs, when)) in nodes.iter().enumerate() {
            let name = format!("n{index}");
            let more = i64::try_from(index).unwrap();
            add(&engine, &name, summing(more));
            let pick = |number: usize| (number % (index + 1)).checked_sub(1);
            let tensor_of = |from: Option<usize>| if from.is_some() { "sum" } else { "x" };
            let value_of = |from: Option<usize>| from.map_or(Some(x), |from| sums[from]);
            let mut wanted = Vec::new();
            let mut sum = Some(more);
            for (place, (number, required)) in inputs.iter().enumerate() {
                let from = pick(*number);
                let spec = input(&format!("i{place}"), source(from, tensor_of(from)));
                wanted.push(InputSpec { required: *required, ..spec });
                sum = match (sum, value_of(from)) {
                    (Some(sum), Some(value)) => Some(sum + value),
                    (Some(sum), None) if !required => Some(sum),
                    _ => None,
                };
            }
            let condition = when.map(|(number, value)| {
                let from = pick(number);
                sum = sum.filter(|_| value_of(from).is_some_and(|found| found > value));
                let source = source(from, tensor_of(from));
                Condition { source, comparison: Comparison::Greater, value: value as f64 }
            });
            specs.push(NodeSpec { when: condition, ..node(&name, Inputs::Named(wanted)) });
            sums.push(sum);
        }
        let names: Vec<String> = (0..nodes.len()).map(|index| format!("o{index}")).collect();
        let outputs = names.iter().enumerate();
        let outputs = outputs.map(|(index, name)| (name.as_str(), source(Some(index), "sum")));
        engine.registry().put_graph(graph(specs, outputs.collect()), false).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer = runtime.block_on(ask(&engine, vec![tensor("x", x)]));
        let expected: Vec<(String, i64)> =
            names.into_iter().zip(sums).filter_map(|(name, sum)| Some((name, sum?))).collect();
        match answer {
            Ok(answer) => prop_assert_eq!(answer, expected),
            Err(error) => prop_assert!(expected.is_empty(), "{}", error),
        }
        for model in engine.registry().models() {
            model.executor().close();
        }
    }
}
