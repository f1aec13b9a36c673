//! How fast the codec turns wire bytes into tensors and back: `cargo bench -p grps-server`.
#![expect(clippy::expect_used, reason = "a benchmark may end when it can't measure")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use grps_core::{DataType, Tensor, Values};
use grps_server::codec::{json, proto};

/// Elements of the tensors: an image of 3 x 224 x 224, and a short row.
const COUNTS: [usize; 2] = [150_528, 16];

fn tensor(count: usize) -> Tensor {
    let values = (0..count).map(|index| (index * 7919 % 10_000) as f32 / 10_000.0).collect();
    Tensor::new("x".into(), vec![1, count], Values::Float32(values)).expect("a tensor")
}

fn ndarray(count: usize, write: impl Fn(f64) -> String) -> Vec<u8> {
    let numbers: Vec<String> =
        (0..count).map(|index| write((index * 7919 % 10_000) as f64 / 1e4 - 0.2)).collect();
    format!("{{\"ndarray\": [[{}]]}}", numbers.join(",")).into_bytes()
}

fn codec(criterion: &mut Criterion) {
    for count in COUNTS {
        let mut group = criterion.benchmark_group(format!("float32 x {count}"));
        let short = ndarray(count, |value| format!("{value:.4}"));
        // What a double of a model's output looks like in most languages.
        let long = ndarray(count, |value| (value / 7.0).to_string());
        for (name, text) in [("short", short), ("long", long)] {
            group.throughput(Throughput::Bytes(text.len() as u64));
            group.bench_function(format!("json ndarray of {name} decimals to tensor"), |bencher| {
                bencher.iter(|| json::decode_as(black_box(&text), DataType::Float32));
            });
        }
        let tensors = [tensor(count)];
        group.throughput(Throughput::Bytes(4 * count as u64));
        group.bench_function("tensor to json", |bencher| {
            bencher.iter(|| json::encode_tensors(None, "", black_box(&tensors)));
        });
        let message = proto::encode_tensors(None, "", &tensors);
        group.bench_function("protobuf to tensor", |bencher| {
            bencher.iter(|| proto::decode_tensors(black_box(&message)));
        });
        group.bench_function("tensor to protobuf", |bencher| {
            bencher.iter(|| proto::encode_tensors(None, "", black_box(&tensors)));
        });
        group.finish();
    }
}

criterion_group!(benches, codec);
criterion_main!(benches);
