//! What measuring one request costs: the clock readings, the notes and the counters of all its steps.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use grps_core::metrics::{CallStage, CallStats, Histogram, RequestStage, RequestStats, Traffic};
use grps_core::{BatchNote, CallTimes, CallTimings, Timeline};

/// A request of one model without a converter, as its way through the server measures it.
fn measure(calls: &CallStats, requests: &RequestStats, traffic: &Traffic) {
    let timeline = Arc::new(Timeline::new("0123456789abcdef", None));
    timeline.lap(RequestStage::Receive);
    requests.outcomes.begin();
    timeline.lap(RequestStage::Decode);
    calls.outcomes.begin();
    let began = Instant::now();
    let timings = CallTimings::begin(began, None, BatchNote::default()).ended(Instant::now());
    let times = CallTimes { began, timings };
    calls.outcomes.end(None);
    calls.duration.add(times.duration());
    for (stage, length) in times.stages() {
        if matches!(stage, CallStage::Queue | CallStage::Infer) {
            calls.stage(stage).add(length);
        }
    }
    timeline.measure(RequestStage::Encode, || black_box(0));
    let duration = timeline.began().elapsed();
    requests.outcomes.end(None);
    requests.duration.add(duration);
    requests.exemplars.offer(&timeline, duration);
    timeline.with_steps(|steps| {
        for stage in RequestStage::ALL {
            if let Some((_, length)) = steps.stage(stage) {
                requests.add_stage(stage, length);
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
