//! What the codec's work is measured on, by time and by instructions.

use grps_core::{Tensor, Values};

fn value(index: usize) -> f64 {
    (index * 7919 % 10_000) as f64 / 1e4 - 0.2
}

/// A row of float32.
pub(crate) fn tensor(count: usize) -> Tensor {
    let values = (0..count).map(|index| value(index) as f32).collect();
    Tensor::new("x".into(), vec![1, count], Values::Float32(values)).expect("a tensor")
}

/// The same as JSON with four digits behind the point.
pub(crate) fn short_json(count: usize) -> Vec<u8> {
    ndarray(count, |value| format!("{value:.4}"))
}

/// A row with as many digits as a double of a model's output has in most languages.
pub(crate) fn long_json(count: usize) -> Vec<u8> {
    ndarray(count, |value| (value / 7.0).to_string())
}

/// JSON of a row of numbers as `write` writes them.
pub(crate) fn ndarray(count: usize, write: impl Fn(f64) -> String) -> Vec<u8> {
    let numbers: Vec<String> = (0..count).map(|index| write(value(index))).collect();
    format!("{{\"ndarray\": [[{}]]}}", numbers.join(",")).into_bytes()
}
