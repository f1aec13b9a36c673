//! Cost of the measurements of one request: clock readings, timeline and counters of all stages.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use grps_core::metrics::{CallStage, CallStats, Histogram, RequestStage, RequestStats, Traffic};
use grps_core::{BatchInfo, CallTimes, CallTimings, Timeline};

/// Measures a request for one model without a converter, as the server does.
fn measure(calls: &CallStats, requests: &RequestStats, traffic: &Traffic) {
    let timeline = Arc::new(Timeline::new("0123456789abcdef", None));
    timeline.note_stage_end(RequestStage::Receive);
    requests.outcomes.count_start();
    timeline.note_stage_end(RequestStage::Decode);
    calls.outcomes.count_start();
    let began = Instant::now();
    let timings = CallTimings::begin(began, None, BatchInfo::default()).ended(Instant::now());
    let times = CallTimes { began, timings };
    calls.outcomes.count_end(None);
    calls.duration.add(times.duration());
    for (stage, duration) in times.stages() {
        if matches!(stage, CallStage::Queue | CallStage::Infer) {
            calls.stage(stage).add(duration);
        }
    }
    timeline.measure(RequestStage::Encode, || black_box(0));
    let duration = timeline.began().elapsed();
    requests.outcomes.count_end(None);
    requests.duration.add(duration);
    requests.exemplars.offer(&timeline, duration);
    timeline.with_record(|record| {
        for stage in RequestStage::ALL {
            if let Some((_, duration)) = record.stage(stage) {
                requests.add_stage(stage, duration);
            }
        }
    });
    requests.received_bytes.add(30);
    requests.sent_bytes.add(80);
    traffic.add(duration, false);
}

fn benches(criterion: &mut Criterion) {
    let (calls, requests, traffic) = Default::default();
    criterion.bench_function("one request", |bencher| {
        bencher.iter(|| measure(&calls, &requests, &traffic));
    });
    let histogram = Histogram::default();
    let mut us = 0;
    criterion.bench_function("one duration", |bencher| {
        bencher.iter(|| {
            us = (us + 37) % 5000;
            histogram.add(Duration::from_micros(us));
        });
    });
    criterion.bench_function("one clock reading", |bencher| bencher.iter(Instant::now));
}

criterion_group!(all, benches);
criterion_main!(all);
