//! What the dashboard and `grpst top` show: the state of the service, the latest minute of everything
//! that is counted, the slowest requests, and what is served.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use grps_core::graph::{Comparison, Condition, Graph, InputSpec, Inputs, NodeSpec, Source};
use grps_core::metrics::{Counts, Minute, Name, Noted, OutcomeCounts, Protocol, RouteStats};
use grps_core::{
    BatchCounts, InputForm, Model, RawBody, Reason, Route, RouteQuery, Signature, TensorSpec, Wait,
};
use serde_json::{Map, Value, json};

use crate::admin::readiness::unready;
use crate::app::App;
use crate::call::status::{counts_by_status, http_status_of};
use crate::observability::process;
use crate::observability::waterfall::bars;

/// What changes from second to second.
pub(crate) fn live(app: &App) -> Value {
    let reason = unready(&app.engine);
    json!({
        "time": seconds(SystemTime::now()),
        "service": {
            "ready": reason.is_none(),
            "reason": reason,
            "version": env!("CARGO_PKG_VERSION"),
            "started": seconds(app.settings.started),
            "in_flight": app.in_flight.count(),
            "in_flight_bytes": app.in_flight.bytes(),
            "waiting": app.engine.waiting(),
            "connections": app.open_connections(),
            "max_connections": app.settings.max_connections,
        },
        "requests": summary(&app.monitor.minute()),
        "routes": app.stats.routes().iter().filter_map(|route| of_route(app, route)).collect::<Vec<_>>(),
        "models": app.engine.registry().models().iter().map(|m| of_model(app, m)).collect::<Vec<_>>(),
        "nodes": app.stats.nodes().into_iter().map(|((graph, node), stats)| {
            let minute = app.monitor.minute_of(&Name::Node(graph.clone(), node.clone()));
            let in_flight = stats.outcomes.read().in_flight;
            json!({
                "graph": graph,
                "node": node,
                "in_flight": in_flight,
                "minute": of_minute(&minute),
            })
        }).collect::<Vec<_>>(),
        "process": of_process(app),
        "gpus": app.gpus.read().into_iter().map(|gpu| json!({
            "number": gpu.number,
            "name": gpu.name,
            "busy_ratio": gpu.usage.busy_ratio,
            "memory_used_bytes": gpu.usage.memory_used_bytes,
            "memory_total_bytes": gpu.usage.memory_total_bytes,
            "temperature_celsius": gpu.usage.temperature_celsius,
            "power_watts": gpu.usage.power_watts,
        })).collect::<Vec<_>>(),
    })
}

/// The slowest of the latest requests and the latest failures, with their waterfalls.
pub(crate) fn remembered(app: &App) -> Value {
    let describe = |noted: Vec<Noted>| noted.iter().map(of_noted).collect::<Vec<_>>();
    json!({
        "slowest": describe(app.monitor.remembered.slowest()),
        "failures": describe(app.monitor.remembered.failures()),
    })
}

/// What is served: changes when models or graphs do.
pub(crate) fn served(app: &App) -> Value {
    let registry = app.engine.registry();
    json!({
        "models": registry.models().iter().map(|model| describe_model(model)).collect::<Vec<_>>(),
        "graphs": registry.graphs().iter().map(|(spec, route)| match route {
            Ok(route) => describe_graph(&spec.name, route),
            Err(error) => json!({"name": spec.name, "trouble": error.message(), "nodes": []}),
        }).collect::<Vec<_>>(),
        "default": app.engine.resolve(&RouteQuery::named("")).ok().map(|route| route.stats().name.to_string()),
        "default_models": app.engine.resolve(&RouteQuery::named("")).ok().map(|route| {
            route.models().iter().map(|model| model.key().to_owned()).collect::<Vec<_>>()
        }),
    })
}

fn of_route(app: &App, route: &RouteStats) -> Option<Value> {
    let mut outcomes = OutcomeCounts::default();
    let (mut received, mut sent) = (0, 0);
    for protocol in Protocol::ALL {
        let stats = route.of(protocol);
        outcomes.merge(&stats.outcomes.read());
        received += stats.received_bytes.read();
        sent += stats.sent_bytes.read();
    }
    let statuses: Map<String, Value> = counts_by_status(&outcomes)
        .into_iter()
        .map(|(status, count)| (status.as_str().to_owned(), count.into()))
        .collect();
    let in_flight = outcomes.in_flight;
    let minute = app.monitor.minute_of(&Name::Route(route.name.to_string()));
    (outcomes.ended() + in_flight > 0).then(|| {
        json!({
            "name": &*route.name,
            "in_flight": in_flight,
            "statuses": statuses,
            "received_bytes": received,
            "sent_bytes": sent,
            "minute": of_minute(&minute),
        })
    })
}

fn of_model(app: &App, model: &Model) -> Value {
    let minute = app.monitor.minute_of(&Name::Model(model.key().to_owned()));
    let executor = model.executor();
    let counts = executor.batch_counts();
    let small: Map<String, Value> = Reason::ALL
        .into_iter()
        .map(|reason| {
            (reason.name().to_owned(), counts.map_or(0, |counts| counts.small(reason)).into())
        })
        .collect();
    json!({
        "model": model.key(),
        "native": executor.is_inline(),
        "in_flight": model.stats().outcomes.read().in_flight,
        "queue_length": executor.queue_length(),
        "instances": executor.instances(),
        "restarts": executor.restarts(),
        "busy_s": executor.busy_time().as_secs_f64(),
        "batches": counts.map_or(0, BatchCounts::batches),
        "rows": counts.map_or(0, BatchCounts::rows),
        "small": small,
        "minute": of_minute(&minute),
    })
}

fn of_minute(minute: &Minute) -> Value {
    let stages: Map<String, Value> = minute
        .stages
        .iter()
        .filter(|(_, counts)| counts.count() > 0)
        .map(|(stage, counts)| (stage.name().to_owned(), summary(counts)))
        .collect();
    json!({
        "seconds": minute.seconds,
        "succeeded": minute.succeeded,
        "failed": minute.failed,
        "duration": summary(&minute.duration),
        "stages": stages,
    })
}

fn summary(counts: &Counts) -> Value {
    json!({
        "count": counts.count(),
        "mean_ms": ms(counts.mean()),
        "p50_ms": ms(counts.percentile(50.0)),
        "p90_ms": ms(counts.percentile(90.0)),
        "p99_ms": ms(counts.percentile(99.0)),
    })
}

fn of_process(app: &App) -> Value {
    json!({
        "cpu_s": process::processor_time().as_secs_f64(),
        "processors": std::thread::available_parallelism().map_or(1, usize::from),
        "memory_bytes": process::resident_bytes(),
        "memory_limit_bytes": app.settings.memory_limit_bytes,
        "descriptors": process::open_descriptors(),
        "max_descriptors": process::max_descriptors(),
        "threads": process::threads(),
    })
}

fn of_noted(noted: &Noted) -> Value {
    let trace = noted.timeline.trace().map(|trace| format!("{:032x}", trace.trace_id));
    let bars: Vec<Value> = bars(&noted.timeline)
        .iter()
        .map(|bar| {
            let mut described = json!({
                "name": bar.name,
                "start_ms": ms(bar.start),
                "length_ms": ms(bar.length),
            });
            if let (Some(call), Some(fields)) = (&bar.call, described.as_object_mut()) {
                let batch = call.times.timings.batch;
                fields.insert("model".to_owned(), (&*call.model).into());
                fields.insert("requests".to_owned(), batch.requests.into());
                fields.insert("rows".to_owned(), batch.rows.into());
                fields.insert("small".to_owned(), batch.reason.map(Reason::name).into());
            }
            described
        })
        .collect();
    json!({
        "id": noted.timeline.id(),
        "trace": trace,
        "model": &*noted.model,
        "protocol": noted.protocol.name(),
        "status": http_status_of(noted.failure).as_u16(),
        "failure": noted.failure.map(grps_core::Cause::name),
        "duration_ms": ms(noted.duration),
        "ended": seconds(noted.ended),
        "bars": bars,
    })
}

fn describe_model(model: &Model) -> Value {
    let spec = model.spec();
    let batching = &spec.batching;
    json!({
        "model": model.key(),
        "name": spec.name,
        "version": spec.version,
        "takes": match spec.form {
            InputForm::Tensors => "tensors",
            InputForm::Message => "message",
        },
        "raw_body": spec.raw_body.map(|raw| match raw {
            RawBody::Bytes => "bytes",
            RawBody::Text => "text",
        }),
        "inputs": spec.signature.as_ref().map(|signature| describe_tensors(&signature.inputs)),
        "outputs": spec.signature.as_ref().map(|signature| describe_tensors(&signature.outputs)),
        "named": spec.signature.as_ref().map(Signature::has_names),
        "batching": batching.batches().then(|| json!({
            "max_rows": batching.max_rows,
            "waits": batching.wait == Wait::Always,
            "window_us": u64::try_from(batching.window.as_micros()).unwrap_or(u64::MAX),
        })),
        "metadata": spec.metadata,
    })
}

fn describe_tensors(tensors: &[TensorSpec]) -> Vec<Value> {
    let describe = |tensor: &TensorSpec| {
        json!({
            "name": *tensor.name,
            "dtype": tensor.dtype.map(grps_core::DataType::name),
            "shape": tensor.shape,
            "required": tensor.required,
        })
    };
    tensors.iter().map(describe).collect()
}

fn describe_graph(name: &str, route: &Route) -> Value {
    let Some(graph) = route.graph() else { return Value::Null };
    let spec = graph.spec();
    let nodes: Vec<Value> = spec
        .nodes
        .iter()
        .zip(graph.models())
        .map(|(node, model)| {
            json!({
                "name": node.name,
                "model": model.key(),
                "after": sources(graph, node),
                "when": node.when.as_ref().map(|when| describe_condition(graph, when)),
            })
        })
        .collect();
    let outputs: Vec<Value> = spec
        .outputs
        .iter()
        .map(|(name, source)| json!({"name": **name, "from": describe_source(graph, source)}))
        .collect();
    json!({"name": name, "inputs": graph_inputs(graph), "nodes": nodes, "outputs": outputs})
}

/// What a graph takes from its request, as the models say that it goes to.
fn graph_inputs(graph: &Graph) -> Vec<Value> {
    let mut found: Vec<TensorSpec> = Vec::new();
    for (node, model) in graph.spec().nodes.iter().zip(graph.models()) {
        let known = model.spec().signature.as_ref().map(|signature| signature.inputs.as_slice());
        let known = known.unwrap_or_default();
        let taken: Vec<TensorSpec> = match &node.inputs {
            Inputs::Whole(None) => known.to_vec(),
            Inputs::Whole(Some(_)) => Vec::new(),
            Inputs::Named(inputs) => {
                let taken = inputs.iter().filter(|input| input.source.node.is_none());
                let named = |input: &InputSpec| {
                    let spec = known.iter().find(|spec| spec.name == input.name);
                    TensorSpec {
                        name: input.source.tensor.as_str().into(),
                        dtype: spec.and_then(|spec| spec.dtype),
                        shape: spec.and_then(|spec| spec.shape.clone()),
                        required: input.required,
                    }
                };
                taken.map(named).collect()
            }
        };
        for tensor in taken {
            if found.iter().all(|known| known.name != tensor.name) {
                found.push(tensor);
            }
        }
    }
    describe_tensors(&found)
}

/// The nodes that a node takes from, and `request` if it takes from that; each once.
fn sources(graph: &Graph, node: &NodeSpec) -> Vec<String> {
    let mut places: Vec<Option<usize>> = node.when.iter().map(|when| when.source.node).collect();
    match &node.inputs {
        Inputs::Whole(place) => places.push(*place),
        Inputs::Named(inputs) => places.extend(inputs.iter().map(|input| input.source.node)),
    }
    places.sort_unstable();
    places.dedup();
    places.into_iter().map(|place| name_of(graph, place).to_owned()).collect()
}

fn name_of(graph: &Graph, place: Option<usize>) -> &str {
    let node = place.and_then(|place| graph.spec().nodes.get(place));
    node.map_or("request", |node| node.name.as_str())
}

fn describe_source(graph: &Graph, source: &Source) -> String {
    format!("{}.{}", name_of(graph, source.node), source.tensor)
}

fn describe_condition(graph: &Graph, when: &Condition) -> String {
    let comparison = match when.comparison {
        Comparison::Equal => "==",
        Comparison::NotEqual => "!=",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    };
    format!("{} {comparison} {}", describe_source(graph, &when.source), when.value)
}

/// Milliseconds to the microsecond.
fn ms(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

fn seconds(moment: SystemTime) -> f64 {
    moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
