//! One piece of the codec's work, a number of times: what `tests/benchmarks/test_instructions.py`
//! counts the instructions of.
//!
//! `codec_work WORK TIMES`; each time it is done on 10,000 elements of float32.
#![expect(clippy::expect_used, reason = "it may end when it is called wrongly")]

use std::hint::black_box;

use bytes::Bytes;
use grps_core::{DataType, Tensor, Values};
use grps_server::codec::{json, proto};

const ELEMENTS: usize = 10_000;

fn ndarray(write: impl Fn(f64) -> String) -> Vec<u8> {
    let numbers: Vec<String> =
        (0..ELEMENTS).map(|index| write((index * 7919 % 10_000) as f64 / 1e4 - 0.2)).collect();
    format!("{{\"ndarray\":[{}]}}", numbers.join(",")).into_bytes()
}

fn tensor() -> Tensor {
    let values = (0..ELEMENTS).map(|index| (index * 7919 % 10_000) as f32 / 1e4 - 0.2).collect();
    Tensor::new("x".into(), vec![ELEMENTS], Values::Float32(values)).expect("a tensor")
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().expect("the name of the work");
    let times: usize = arguments.next().and_then(|text| text.parse().ok()).expect("how often");
    let short = ndarray(|value| format!("{value:.4}"));
    let long = ndarray(|value| (value / 7.0).to_string());
    let tensors = [tensor()];
    let message: Bytes = proto::encode_tensors(None, "", &tensors);
    let work: &dyn Fn() = match name.as_str() {
        "read-short-json" => &|| drop(json::decode_as(black_box(&short), DataType::Float32)),
        "read-long-json" => &|| drop(json::decode_as(black_box(&long), DataType::Float32)),
        "write-json" => &|| drop(json::encode_tensors(None, "", black_box(&tensors))),
        "read-protobuf" => &|| drop(proto::decode_tensors(black_box(&message))),
        "write-protobuf" => &|| drop(proto::encode_tensors(None, "", black_box(&tensors))),
        _ => std::process::exit(2),
    };
    for _ in 0..times {
        work();
    }
}
