//! Cost of log-probabilities of one row of a large vocabulary.
#![expect(clippy::expect_used, reason = "a benchmark may end when it can't measure")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use grps_text::top_logprobs;

const VOCABULARY: usize = 128 * 1024;

/// Logits that look random, between -16 and 16.
fn logits() -> Vec<f32> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 19) as f32 - 16.0
    };
    (0..VOCABULARY).map(|_| next()).collect()
}

fn benches(criterion: &mut Criterion) {
    let logits = logits();
    let mut group = criterion.benchmark_group("log-probabilities of a row");
    group.throughput(Throughput::Elements(VOCABULARY as u64));
    for count in [0, 20] {
        group.bench_function(format!("the {count} most probable"), |bencher| {
            bencher.iter(|| {
                let found = top_logprobs(black_box(&logits), VOCABULARY, &[7], count);
                found.expect("log-probabilities")
            });
        });
    }
}

criterion_group!(all, benches);
criterion_main!(all);
