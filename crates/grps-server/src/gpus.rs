//! The GPUs that a service is configured to watch, as NVIDIA's management library tells.

use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::TemperatureSensor;
use nvml_wrapper::error::NvmlError;

/// The watched GPUs; none when there is no driver.
#[derive(Debug)]
pub(crate) struct Gpus {
    library: Option<Nvml>,
    numbers: Vec<u32>,
}

/// One GPU.
#[derive(Clone, Debug)]
pub(crate) struct Gpu {
    /// Its number, as `gpu.devices` has it.
    pub(crate) number: u32,
    /// Its name, for people.
    pub(crate) name: String,
    /// How it is used now.
    pub(crate) usage: GpuUsage,
}

/// How a GPU is used.
#[derive(Clone, Debug, Default)]
pub(crate) struct GpuUsage {
    /// Share of the latest time in which it computed, 0 to 1.
    pub(crate) busy_ratio: f64,
    pub(crate) memory_used_bytes: u64,
    pub(crate) memory_total_bytes: u64,
    /// `None` where the device does not tell.
    pub(crate) temperature_celsius: Option<f64>,
    /// `None` where the device does not tell.
    pub(crate) power_watts: Option<f64>,
}

impl Gpus {
    /// Opens the library when there is something to watch.
    pub(crate) fn open(numbers: &[u32]) -> Self {
        let numbers = numbers.to_vec();
        if numbers.is_empty() {
            return Self { library: None, numbers };
        }
        // Its name without a version is part of the development package only.
        let library = Nvml::builder().lib_path("libnvidia-ml.so.1".as_ref()).init();
        let library = library
            .inspect_err(|error| {
                tracing::warn!(%error, ?numbers, "gpu.devices are not watched: no NVIDIA driver");
            })
            .ok();
        Self { library, numbers }
    }

    /// How they are used now; those that do not answer are left out.
    pub(crate) fn read(&self) -> Vec<Gpu> {
        let Some(library) = &self.library else { return Vec::new() };
        let read = |number: &u32| {
            read(library, *number)
                .inspect_err(|error| tracing::debug!(%error, number, "a GPU does not answer"))
                .ok()
        };
        self.numbers.iter().filter_map(read).collect()
    }
}

fn read(library: &Nvml, number: u32) -> Result<Gpu, NvmlError> {
    let device = library.device_by_index(number)?;
    let memory = device.memory_info()?;
    let usage = GpuUsage {
        busy_ratio: f64::from(device.utilization_rates()?.gpu) / 100.0,
        memory_used_bytes: memory.used,
        memory_total_bytes: memory.total,
        temperature_celsius: device.temperature(TemperatureSensor::Gpu).ok().map(f64::from),
        // Told in milliwatts.
        power_watts: device.power_usage().ok().map(|power| f64::from(power) / 1000.0),
    };
    Ok(Gpu { number, name: device.name()?, usage })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_driver_there_are_none() {
        assert!(Gpus::open(&[]).read().is_empty());
        let asked = Gpus::open(&[0]);
        assert_eq!(asked.library.is_none(), asked.read().is_empty());
    }
}
