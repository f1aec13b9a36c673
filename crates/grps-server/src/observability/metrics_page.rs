//! `/metrics`: all metrics of the service in the formats of Prometheus.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use grps_core::metrics::{
    CallStage, CallStats, Counts, Exemplar, Kind as SeriesKind, OutcomeCounts, Points, Protocol,
    RequestStage, RequestStats, RouteStats, UserMetric, bounds,
};
use grps_core::{Cause, Model, Readiness, Reason};

use crate::app::App;
use crate::call::status::counts_by_status;
use crate::observability::exposition::{ExemplarText, Exposition, Format, Kind, Labels};
use crate::observability::monitoring::now_s;
use crate::observability::process;

const SECONDS: Option<&str> = Some("seconds");
const BYTES: Option<&str> = Some("bytes");

/// Writes all metrics.
pub(crate) fn write(app: &App, format: Format) -> String {
    let mut text = Exposition::new(format);
    write_service(app, &mut text);
    write_requests(app, &mut text);
    write_calls(app, &mut text);
    write_models(app, &mut text);
    write_process(app, &mut text);
    write_gpus(app, &mut text);
    write_user_metrics(app, &mut text);
    text.finish()
}

fn write_service(app: &App, text: &mut Exposition) {
    text.family(Kind::Info, "grps_build", None, "Version of the service.");
    text.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    gauge(text, "grps_ready", "Whether the service is ready for requests.", {
        f64::from(u8::from(app.engine.readiness() == Readiness::Ready))
    });
    let help = "Requests of any kind, from their head to the end of their response.";
    gauge(text, "grps_in_flight", help, app.in_flight.count() as f64);
    let help = "Requests that wait for one of the max_concurrency permits.";
    gauge(text, "grps_waiting", help, app.engine.waiting() as f64);
    text.family(
        Kind::Gauge,
        "grps_in_flight_bytes",
        BYTES,
        "Bytes of the bodies of requests in flight.",
    );
    text.sample(&[], app.in_flight.bytes() as f64);
    gauge(text, "grps_connections", "Open connections.", app.open_connections() as f64);
    if let Some(traces) = &app.traces {
        let help = "Traced requests whose spans were not exported.";
        text.family(Kind::Counter, "grps_traces_dropped", None, help);
        text.sample(&[], traces.dropped() as f64);
    }
}

fn gauge(text: &mut Exposition, name: &str, help: &str, value: f64) {
    text.family(Kind::Gauge, name, None, help);
    text.sample(&[], value);
}

/// The counters of every route and protocol with at least one request.
fn requests(routes: &[std::sync::Arc<RouteStats>]) -> Vec<([(&str, &str); 2], &RequestStats)> {
    let all = routes.iter().flat_map(|route| {
        Protocol::ALL.map(|protocol| {
            let labels = [("model", &*route.name), ("protocol", protocol.name())];
            (labels, route.for_protocol(protocol))
        })
    });
    all.filter(|(_, stats)| stats.outcomes.read() != OutcomeCounts::default()).collect()
}

fn write_requests(app: &App, text: &mut Exposition) {
    let routes = app.stats.routes();
    let requests = requests(&routes);
    let help = "Inference requests that have ended, by status of the response.";
    text.family(Kind::Counter, "grps_requests", None, help);
    for (labels, stats) in &requests {
        for (status, count) in counts_by_status(&stats.outcomes.read()) {
            text.sample(&[labels[0], labels[1], ("status", status.as_str())], count as f64);
        }
    }
    let help = "Inference requests that have not ended.";
    text.family(Kind::Gauge, "grps_requests_in_flight", None, help);
    for (labels, stats) in &requests {
        text.sample(labels, stats.outcomes.read().in_flight as f64);
    }
    let help = "Time from the head of a request to the end of its response.";
    text.family(Kind::Histogram, "grps_request_duration_seconds", SECONDS, help);
    for (labels, stats) in &requests {
        histogram(text, labels, &stats.duration.read(), &stats.exemplars.read());
    }
    let help = "Steps of requests outside the models.";
    text.family(Kind::Histogram, "grps_request_stage_duration_seconds", SECONDS, help);
    for (labels, stats) in &requests {
        for stage in RequestStage::ALL {
            let labels = [labels[0], labels[1], ("stage", stage.name())];
            stage_histogram(text, &labels, &stats.stage(stage).read());
        }
    }
    let help = "Time from the head of a request to the first chunk of its response.";
    text.family(Kind::Histogram, "grps_first_chunk_seconds", SECONDS, help);
    for (labels, stats) in &requests {
        stage_histogram(text, labels, &stats.first_chunk.read());
    }
    type Read = fn(&RequestStats) -> u64;
    let sums: [(&str, Option<&str>, &str, Read); 3] = [
        ("grps_received_bytes", BYTES, "Bytes of request bodies.", |s| s.received_bytes.read()),
        ("grps_sent_bytes", BYTES, "Bytes of response bodies.", |s| s.sent_bytes.read()),
        ("grps_sent_chunks", None, "Chunks of responses.", |s| s.chunks.read()),
    ];
    for (name, unit, help, read) in sums {
        text.family(Kind::Counter, name, unit, help);
        for (labels, stats) in &requests {
            text.sample(labels, read(stats) as f64);
        }
    }
}

/// The calls of all models, or of all graph nodes.
struct Calls<'a> {
    /// Prefix of the metric names.
    prefix: &'static str,
    /// Models or nodes in HELP texts.
    callees: &'static str,
    /// Labels and counters.
    all: Vec<(Vec<(&'a str, &'a str)>, &'a CallStats)>,
}

fn write_calls(app: &App, text: &mut Exposition) {
    let (models, nodes) = (app.stats.models(), app.stats.nodes());
    let of_models = models.iter().map(|(key, stats)| (vec![("model", key.as_str())], &**stats));
    let of_nodes = nodes.iter().map(|((graph, node), stats)| {
        (vec![("graph", graph.as_str()), ("node", node.as_str())], &**stats)
    });
    let all = [
        Calls { prefix: "grps_model", callees: "models", all: of_models.collect() },
        Calls { prefix: "grps_node", callees: "graph nodes", all: of_nodes.collect() },
    ];
    for Calls { prefix, callees, all } in &all {
        let help = format!("Calls of {callees} that have ended, by outcome.");
        text.family(Kind::Counter, &format!("{prefix}_calls"), None, &help);
        for (labels, stats) in all {
            let counts = stats.outcomes.read();
            let failed = Cause::ALL.map(|cause| (cause.name(), counts.failed_for(cause)));
            let failed = failed.into_iter().filter(|(_, count)| *count > 0);
            for (outcome, count) in [("ok", counts.succeeded)].into_iter().chain(failed) {
                let labels = [labels.as_slice(), &[("outcome", outcome)]].concat();
                text.sample(&labels, count as f64);
            }
        }
        let help = format!("Calls of {callees} that have not ended.");
        text.family(Kind::Gauge, &format!("{prefix}_calls_in_flight"), None, &help);
        for (labels, stats) in all {
            text.sample(labels, stats.outcomes.read().in_flight as f64);
        }
        let help = format!("Calls of {callees}, from the queue to the output of the instance.");
        text.family(Kind::Histogram, &format!("{prefix}_call_duration_seconds"), SECONDS, &help);
        for (labels, stats) in all {
            stage_histogram(text, labels, &stats.duration.read());
        }
        let help = format!("Steps of the calls of {callees}.");
        text.family(Kind::Histogram, &format!("{prefix}_stage_duration_seconds"), SECONDS, &help);
        for (labels, stats) in all {
            for stage in CallStage::ALL {
                let labels = [labels.as_slice(), &[("stage", stage.name())]].concat();
                stage_histogram(text, &labels, &stats.stage(stage).read());
            }
        }
    }
}

fn write_models(app: &App, text: &mut Exposition) {
    let models = app.engine.registry().models();
    let models: Vec<_> = models.iter().filter(|model| !model.is_native()).collect();
    type Read = fn(&Model) -> f64;
    let all: [(&str, Kind, Option<&str>, &str, Read); 7] = [
        ("grps_model_queue_length", Kind::Gauge, None, "Calls that wait for an instance.", |m| {
            m.queue().len() as f64
        }),
        (
            "grps_model_instances",
            Kind::Gauge,
            None,
            "Threads and processes that run the model.",
            |m| m.queue().pullers() as f64,
        ),
        (
            "grps_model_instance_restarts",
            Kind::Counter,
            None,
            "Restarts of instances that ended unexpectedly.",
            |m| m.queue().restarts() as f64,
        ),
        (
            "grps_model_busy_seconds",
            Kind::Counter,
            SECONDS,
            "Busy time of all instances together.",
            |m| m.queue().worked().as_secs_f64(),
        ),
        ("grps_model_batches", Kind::Counter, None, "Batches that left the queue.", |m| {
            m.queue().counts().batches() as f64
        }),
        ("grps_model_batched_rows", Kind::Counter, None, "Rows in these batches.", |m| {
            m.queue().counts().rows() as f64
        }),
        (
            "grps_model_max_batch_rows",
            Kind::Gauge,
            None,
            "Maximum number of rows of a batch (max_batch_size).",
            |m| m.spec().batching.max_rows as f64,
        ),
    ];
    for (name, kind, unit, help, read) in all {
        text.family(kind, name, unit, help);
        for model in &models {
            text.sample(&[("model", model.key())], read(model));
        }
    }
    let batching: Vec<_> = models.iter().filter(|model| model.queue().batches()).collect();
    write_batches(text, &batching);
}

fn write_batches(text: &mut Exposition, models: &[&&std::sync::Arc<Model>]) {
    let help = "Batches by number of rows.";
    text.family(Kind::Histogram, "grps_model_batch_rows", None, help);
    for model in models {
        batch_rows(text, model);
    }
    let help = "Batches below the maximum size, by the reason why they were not larger.";
    text.family(Kind::Counter, "grps_model_small_batches", None, help);
    for model in models {
        for reason in Reason::ALL {
            let labels = [("model", model.key()), ("reason", reason.name())];
            text.sample(&labels, model.queue().counts().small(reason) as f64);
        }
    }
}

fn batch_rows(text: &mut Exposition, model: &Model) {
    let counts = model.queue().counts();
    let sizes: Vec<_> = counts.sizes().collect();
    let count = sizes.iter().map(|(_, count)| count).sum();
    let mut sum = 0;
    let below = sizes.iter().filter_map(|(limit, count)| {
        sum += count;
        limit.map(|limit| (limit as f64, sum, None))
    });
    text.histogram(&[("model", model.key())], below, (count, counts.rows() as f64), None);
}

fn write_process(app: &App, text: &mut Exposition) {
    text.family(Kind::Counter, "process_cpu_seconds", SECONDS, "Processor time of the process.");
    text.sample(&[], process::processor_time().as_secs_f64());
    let started = app.settings.started.duration_since(UNIX_EPOCH).unwrap_or_default();
    let gauges = [
        (
            "process_resident_memory_bytes",
            BYTES,
            "Resident memory of the process.",
            process::resident_bytes(),
        ),
        (
            "process_virtual_memory_bytes",
            BYTES,
            "Address space of the process.",
            process::virtual_bytes(),
        ),
        (
            "grps_memory_limit_bytes",
            BYTES,
            "Memory that the process may use.",
            app.settings.memory_limit_bytes,
        ),
        ("process_open_fds", None, "Open file descriptors.", process::open_descriptors()),
        (
            "process_max_fds",
            None,
            "Maximum number of open file descriptors.",
            process::max_descriptors().unwrap_or(u64::MAX),
        ),
        ("process_threads", None, "Threads of the process.", process::threads()),
        (
            "process_start_time_seconds",
            SECONDS,
            "Start time of the service, in seconds since the epoch.",
            started.as_secs(),
        ),
    ];
    for (name, unit, help, value) in gauges {
        text.family(Kind::Gauge, name, unit, help);
        text.sample(&[], value as f64);
    }
}

fn write_gpus(app: &App, text: &mut Exposition) {
    let gpus = app.gpus.read();
    if gpus.is_empty() {
        return;
    }
    type Read = fn(&crate::observability::gpus::GpuUsage) -> Option<f64>;
    let all: [(&str, Option<&str>, &str, Read); 5] = [
        ("grps_gpu_busy_ratio", Some("ratio"), "Share of time in which the GPU computes.", |gpu| {
            Some(gpu.busy_ratio)
        }),
        ("grps_gpu_memory_used_bytes", BYTES, "GPU memory in use, by all processes.", |gpu| {
            Some(gpu.memory_used_bytes as f64)
        }),
        ("grps_gpu_memory_total_bytes", BYTES, "Total GPU memory.", |gpu| {
            Some(gpu.memory_total_bytes as f64)
        }),
        ("grps_gpu_temperature_celsius", Some("celsius"), "Temperature of the GPU.", |gpu| {
            gpu.temperature_celsius
        }),
        ("grps_gpu_power_watts", Some("watts"), "Power consumption of the GPU.", |gpu| {
            gpu.power_watts
        }),
    ];
    for (name, unit, help, read) in all {
        text.family(Kind::Gauge, name, unit, help);
        for gpu in &gpus {
            if let Some(value) = read(&gpu.usage) {
                text.sample(&[("gpu", &gpu.number.to_string()), ("name", &gpu.name)], value);
            }
        }
    }
}

fn write_user_metrics(app: &App, text: &mut Exposition) {
    let metrics = app.monitor.user_metrics(now_s());
    let of_kinds =
        |kinds: &'static [SeriesKind]| metrics.iter().filter(|m| kinds.contains(&m.kind));
    let help = "Values that user code records with avg, max and min: the latest second.";
    text.family(Kind::Gauge, "grps_user", None, help);
    for metric in of_kinds(&[SeriesKind::Average, SeriesKind::Max, SeriesKind::Min]) {
        if let Some(value) = metric.points.last_second() {
            text.sample(&[("name", &metric.name), ("kind", metric.kind.name())], value);
        }
    }
    text.family(
        Kind::Counter,
        "grps_user_increments",
        None,
        "Values that user code records with inc.",
    );
    for metric in of_kinds(&[SeriesKind::Increment]).filter(|metric| metric.total >= 0.0) {
        text.sample(&[("name", &metric.name)], metric.total);
    }
    let help = "Values that user code records with cdf: the latest minute.";
    text.family(Kind::Summary, "grps_user_distribution", None, help);
    for metric in of_kinds(&[SeriesKind::Distribution]) {
        let quantiles = quantiles(metric);
        text.summary(
            &[("name", &metric.name)],
            quantiles.into_iter(),
            (metric.count, metric.total),
        );
    }
}

fn quantiles(metric: &UserMetric) -> Vec<(f64, f64)> {
    let Points::Distribution(points) = &metric.points else { return Vec::new() };
    let percentiles = [(50, 0.5), (90, 0.9), (99, 0.99)];
    let quantiles = percentiles.into_iter().filter_map(|(percent, quantile)| {
        let value = points.iter().find(|(shown, _)| *shown == percent)?.1;
        Some((quantile, value))
    });
    quantiles.collect()
}

fn histogram(
    text: &mut Exposition,
    labels: Labels<'_>,
    counts: &Counts,
    exemplars: &BTreeMap<Duration, Exemplar>,
) {
    let exemplar = |bound: Duration| exemplars.get(&bound).map(exemplar_text);
    let below = bounds().map(|bound| {
        let seconds = bound.as_secs_f64();
        (seconds, counts.count_below(bound), exemplar(bound))
    });
    let totals = (counts.count(), counts.total().as_secs_f64());
    text.histogram(labels, below, totals, exemplar(Duration::MAX));
}

/// Writes a histogram with half as many bounds, unless it is empty.
fn stage_histogram(text: &mut Exposition, labels: Labels<'_>, counts: &Counts) {
    if counts.count() == 0 {
        return;
    }
    let below = bounds().step_by(2).map(|bound| {
        let seconds = bound.as_secs_f64();
        (seconds, counts.count_below(bound), None)
    });
    text.histogram(labels, below, (counts.count(), counts.total().as_secs_f64()), None);
}

fn exemplar_text(exemplar: &Exemplar) -> ExemplarText {
    let timeline = &exemplar.timeline;
    let mut labels = Vec::new();
    // OpenMetrics limits the labels of an exemplar to 128 characters together.
    if let Some(trace) = timeline.trace() {
        labels.push(("trace_id", format!("{:032x}", trace.trace_id)));
    }
    let available: usize =
        128 - labels.iter().map(|(name, id)| name.len() + id.len()).sum::<usize>();
    if timeline.id().chars().count() + "request_id".len() <= available {
        labels.push(("request_id", timeline.id().to_owned()));
    }
    let value = exemplar.duration.as_secs_f64();
    ExemplarText { labels, value, ended: exemplar.ended }
}
