//! How fast the codec turns wire bytes into tensors and back: `cargo bench -p grps-server`.
#![expect(clippy::expect_used, reason = "a benchmark may end when it can't measure")]

mod samples;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use grps_core::DataType;
use grps_server::codec::{json, proto};
use samples::{long_json, ndarray, short_json, tensor};

/// Elements of the tensors: an image of 3 x 224 x 224, and a short row.
const COUNTS: [usize; 2] = [150_528, 16];

fn codec(criterion: &mut Criterion) {
    for count in COUNTS {
        let mut group = criterion.benchmark_group(format!("float32 x {count}"));
        for (name, text) in [
            ("short decimals", short_json(count)),
            ("long decimals", long_json(count)),
            ("exponents", ndarray(count, |value| format!("{:.3e}", value / 7e4))),
        ] {
            group.throughput(Throughput::Bytes(text.len() as u64));
            for data_type in [DataType::Float32, DataType::Float64] {
                let title = format!("json ndarray of {name} to {data_type:?}");
                group.bench_function(title, |bencher| {
                    bencher.iter(|| json::decode_as(black_box(&text), data_type));
                });
            }
        }
        let tensors = [tensor(count)];
        group.throughput(Throughput::Bytes(4 * count as u64));
        group.bench_function("tensor to json", |bencher| {
            bencher.iter(|| json::encode_tensors(None, "", black_box(&tensors)));
        });
        let message = proto::encode_tensors(None, "", &tensors).expect("a message");
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
