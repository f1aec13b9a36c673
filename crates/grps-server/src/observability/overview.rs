//! Data of the dashboard and `grpst top`: the state of the service, the latest minute of all
//! counters, the slowest requests, and the models and graphs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use grps_core::graph::{Comparison, Condition, Graph, Inputs, NodeSpec, Source};
use grps_core::metrics::{
    Counts, Minute, Name, OutcomeCounts, Protocol, RequestSummary, RouteStats,
};
use grps_core::{
    AutoState, BatchCounts, EndReason, InputForm, Model, RawBody, Readiness, Reason, Route,
    RouteQuery, Signature, StepCounts, TensorSpec, Wait,
};
use serde_json::{Map, Value, json};

use crate::admin::readiness::unready_reason;
use crate::admin::route_signature::graph_inputs;
use crate::admin::traffic::describe_all_without_values;
use crate::app::App;
use crate::call::status::{counts_by_status, http_status_of};
use crate::codec::WireType;
use crate::observability::metrics::waiting;
use crate::observability::process;
use crate::observability::waterfall::bars;

/// The current state, which changes every second.
pub(crate) fn live(app: &App) -> Value {
    let reason = unready_reason(&app.engine);
    json!({
        "time": seconds(SystemTime::now()),
        "service": {
            "ready": reason.is_none(),
            "state": state_name(app, reason.is_none()),
            "reason": reason,
            "version": env!("CARGO_PKG_VERSION"),
            "started": seconds(app.settings.started),
            "in_flight": app.in_flight.count(),
            "in_flight_bytes": app.in_flight.bytes(),
            "waiting": app.engine.waiting(),
            "connections": app.places.taken(),
            "max_connections": app.places.limit(),
        },
        "requests": durations(&app.monitor.latest_minute()),
        "routes": app.stats.routes().iter().filter_map(|route| live_route(app, route)).collect::<Vec<_>>(),
        "traffic": describe_all_without_values(app),
        "models": app.engine.registry().models().iter().map(|model| live_model(app, model)).collect::<Vec<_>>(),
        "unloaded": unloaded(app),
        "nodes": app.stats.nodes().into_iter().map(|((graph, node), stats)| {
            let minute = app.monitor.latest_minute_of(&Name::Node(graph.clone(), node.clone()));
            let in_flight = stats.outcomes.read().in_flight;
            json!({
                "graph": graph,
                "node": node,
                "in_flight": in_flight,
                "minute": describe_minute(&minute),
            })
        }).collect::<Vec<_>>(),
        "services": app.services().map_or_else(Vec::new, |services| services.states()),
        "process": live_process(app),
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

/// The slowest requests and the latest failures, with their waterfalls and, if `with_errors` is
/// set, the messages of their errors.
pub(crate) fn notable_requests(app: &App, with_errors: bool) -> Value {
    let describe_one = |request: &RequestSummary| {
        let mut described = describe_request(request);
        if with_errors && let Some(fields) = described.as_object_mut() {
            fields.insert("error".to_owned(), request.error.as_deref().into());
        }
        described
    };
    let describe =
        |requests: Vec<RequestSummary>| requests.iter().map(describe_one).collect::<Vec<_>>();
    json!({
        "slowest": describe(app.monitor.notable.slowest()),
        "failures": describe(app.monitor.notable.failures()),
    })
}

/// The models and graphs of the service.
pub(crate) fn catalog(app: &App) -> Value {
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

/// The state of readiness in one word.
fn state_name(app: &App, is_ready: bool) -> &'static str {
    match app.engine.readiness() {
        _ if is_ready => "ready",
        Readiness::Offline => "offline",
        Readiness::Loading => "loading",
        Readiness::Draining => "draining",
        Readiness::Ready | Readiness::Unhealthy => "unhealthy",
    }
}

/// The models that were loaded before and are not loaded.
fn unloaded(app: &App) -> Vec<String> {
    let loaded = app.engine.registry().models();
    let is_loaded = |key: &str| loaded.iter().any(|model| model.key() == key);
    app.stats.models().into_iter().map(|(key, _)| key).filter(|key| !is_loaded(key)).collect()
}

fn live_route(app: &App, route: &RouteStats) -> Option<Value> {
    let mut outcomes = OutcomeCounts::default();
    let (mut received, mut sent) = (0, 0);
    for protocol in Protocol::ALL {
        let stats = route.for_protocol(protocol);
        outcomes.merge(&stats.outcomes.read());
        received += stats.received_bytes.read();
        sent += stats.sent_bytes.read();
    }
    let statuses: Map<String, Value> = counts_by_status(&outcomes)
        .into_iter()
        .map(|(status, count)| (status.as_str().to_owned(), count.into()))
        .collect();
    let in_flight = outcomes.in_flight;
    let minute = app.monitor.latest_minute_of(&Name::Route(route.name.to_string()));
    (outcomes.ended() + in_flight > 0).then(|| {
        json!({
            "name": &*route.name,
            "in_flight": in_flight,
            "statuses": statuses,
            "received_bytes": received,
            "sent_bytes": sent,
            "minute": describe_minute(&minute),
        })
    })
}

fn live_model(app: &App, model: &Model) -> Value {
    let minute = app.monitor.latest_minute_of(&Name::Model(model.key().to_owned()));
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
        "auto": executor.auto_batching().map(|state| live_auto(&state)),
        "steps": executor.step_counts().map(|counts| live_steps(app, model, counts)),
        "minute": describe_minute(&minute),
    })
}

/// What only a model with `batching: auto` has.
fn live_auto(state: &AutoState) -> Value {
    let latency = |latency: std::time::Duration| latency.as_secs_f64();
    json!({
        "rows": state.rows,
        "concurrency": state.concurrency,
        "predicted_s": state.predicted.map(latency),
        "slo_s": state.objective.map(|objective| latency(objective.latency)),
    })
}

/// What only a step model has.
fn live_steps(app: &App, model: &Model, counts: &StepCounts) -> Value {
    let minute = app.monitor.latest_minute_of_steps(model.key());
    let ended =
        EndReason::ALL.map(|reason| (reason.name().to_owned(), counts.ended(reason).into()));
    json!({
        "slots": counts.slots(),
        "slots_in_use": counts.slots_in_use(),
        "waiting": waiting(model, counts),
        "begun": counts.begun(),
        "ended": Map::from_iter(ended),
        "preemptions": counts.preempted(),
        "steps": counts.steps(),
        "outputs": counts.rows(),
        "minute": {
            "seconds": minute.seconds,
            "outputs": minute.outputs,
            "first_output": durations(&minute.first_output),
            "between_outputs": durations(&minute.between_outputs),
        },
        "cache_usage": counts.cache_usage(),
        "tokens": model.spec().language.is_some().then(|| json!({
            "prompt": counts.prompt_tokens(),
            "generated": counts.output_rows(),
            "minute": {"prompt": minute.prompt_tokens, "generated": minute.generated_tokens},
        })),
    })
}

fn describe_minute(minute: &Minute) -> Value {
    let stages: Map<String, Value> = minute
        .stages
        .iter()
        .filter(|(_, counts)| counts.count() > 0)
        .map(|(stage, counts)| (stage.name().to_owned(), durations(counts)))
        .collect();
    json!({
        "seconds": minute.seconds,
        "succeeded": minute.succeeded,
        "failed": minute.failed,
        "duration": durations(&minute.duration),
        "stages": stages,
    })
}

fn durations(counts: &Counts) -> Value {
    json!({
        "count": counts.count(),
        "mean_ms": ms(counts.mean()),
        "p50_ms": ms(counts.percentile(50.0)),
        "p90_ms": ms(counts.percentile(90.0)),
        "p99_ms": ms(counts.percentile(99.0)),
    })
}

fn live_process(app: &App) -> Value {
    json!({
        "cpu_s": process::processor_time_of_all().as_secs_f64(),
        "processors": std::thread::available_parallelism().map_or(1, usize::from),
        "memory_bytes": process::resident_bytes(),
        "memory_limit_bytes": app.settings.memory_limit_bytes,
        "max_memory_percent": app.settings.max_memory_percent,
        "descriptors": process::open_descriptors(),
        "max_descriptors": process::max_descriptors(),
        "threads": process::threads(),
    })
}

fn describe_request(request: &RequestSummary) -> Value {
    let trace = request.timeline.trace().map(|trace| format!("{:032x}", trace.trace_id));
    let bars: Vec<Value> = bars(&request.timeline)
        .iter()
        .map(|bar| {
            let mut described = json!({
                "name": bar.name,
                "start_ms": ms(bar.start),
                "length_ms": ms(bar.duration),
            });
            if let (Some(call), Some(fields)) = (&bar.call, described.as_object_mut()) {
                let batch = call.times.timings.batch;
                fields.insert("model".to_owned(), (&*call.model).into());
                fields.insert("requests".to_owned(), batch.requests.into());
                fields.insert("rows".to_owned(), batch.rows.into());
                fields.insert("steps".to_owned(), batch.steps.into());
                fields.insert("small".to_owned(), batch.reason.map(Reason::name).into());
            }
            described
        })
        .collect();
    json!({
        "id": request.timeline.id(),
        "trace": trace,
        "model": &*request.model,
        "protocol": request.protocol.name(),
        "status": http_status_of(request.failure).as_u16(),
        "failure": request.failure.map(grps_core::Cause::name),
        "duration_ms": ms(request.duration),
        "ended": seconds(request.ended),
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
            RawBody::Bytes | RawBody::Http => "bytes",
            RawBody::Text | RawBody::Json => "text",
        }),
        "inputs": spec.signature.as_ref().map(|signature| describe_tensors(&signature.inputs)),
        "outputs": spec.signature.as_ref().map(|signature| describe_tensors(&signature.outputs)),
        "named": spec.signature.as_ref().map(Signature::has_names),
        "batching": batching.batches().then(|| json!({
            "max_rows": batching.max_rows,
            "waits": batching.wait == Wait::Always,
            "window_us": u64::try_from(batching.window.as_micros()).unwrap_or(u64::MAX),
        })),
        "language": spec.language.as_ref().map(|language| json!({
            "context_length": language.context_length,
            "chats": language.chat_template.is_some(),
        })),
        "metadata": spec.metadata,
        "description": serde_json::from_str::<Value>(&spec.description).ok(),
    })
}

fn describe_tensors(tensors: &[TensorSpec]) -> Vec<Value> {
    let describe = |tensor: &TensorSpec| {
        json!({
            "name": *tensor.name,
            "dtype": tensor.dtype.map(|dtype| WireType::of(dtype).map_or(dtype, WireType::dtype).name()),
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
    json!({"name": name, "inputs": describe_tensors(&graph_inputs(graph)), "nodes": nodes, "outputs": outputs})
}

/// The sources of a node without duplicates: names of nodes, and `request`.
fn sources(graph: &Graph, node: &NodeSpec) -> Vec<String> {
    let mut sources: Vec<Option<usize>> = node.when.iter().map(|when| when.source.node).collect();
    match &node.inputs {
        Inputs::Whole(source) => sources.push(*source),
        Inputs::Named(inputs) => sources.extend(inputs.iter().map(|input| input.source.node)),
    }
    sources.sort_unstable();
    sources.dedup();
    sources.into_iter().map(|source| source_name(graph, source).to_owned()).collect()
}

fn source_name(graph: &Graph, source: Option<usize>) -> &str {
    let node = source.and_then(|index| graph.spec().nodes.get(index));
    node.map_or("request", |node| node.name.as_str())
}

fn describe_source(graph: &Graph, source: &Source) -> String {
    format!("{}.{}", source_name(graph, source.node), source.tensor)
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

/// Milliseconds with microsecond precision.
fn ms(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

fn seconds(moment: SystemTime) -> f64 {
    moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
