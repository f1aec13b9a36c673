//! Metrics of the GPUs that the service watches.

use crate::app::App;
use crate::observability::exposition::{Exposition, Kind};
use crate::observability::gpus::GpuUsage;
use crate::observability::metrics::samples::BYTES;

/// Writes them.
pub(super) fn write(app: &App, text: &mut Exposition) {
    let gpus = app.gpus.read();
    if gpus.is_empty() {
        return;
    }
    type Read = fn(&GpuUsage) -> Option<f64>;
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
