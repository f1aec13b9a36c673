//! One piece of the codec's work, a number of times: what `tests/benchmarks/test_instructions.py`
//! counts the instructions of.
//!
//! `codec_work WORK TIMES`; each time it is done on 10,000 elements of float32.
#![expect(clippy::expect_used, reason = "it may end when it is called wrongly")]

#[path = "../benches/samples/mod.rs"]
mod samples;

use std::hint::black_box;

use bytes::Bytes;
use grps_core::DataType;
use grps_server::codec::{json, proto};
use samples::{long_json, short_json, tensor};

const ELEMENTS: usize = 10_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().expect("the name of the work");
    let times: usize = arguments.next().and_then(|text| text.parse().ok()).expect("how often");
    let (short, long) = (short_json(ELEMENTS), long_json(ELEMENTS));
    let tensors = [tensor(ELEMENTS)];
    let message: Bytes = proto::encode_tensors(None, "", &tensors).expect("a message");
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
