//! Monitored GPUs and all GPUs of the machine, from NVIDIA's management library.

use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::TemperatureSensor;
use nvml_wrapper::error::NvmlError;

/// The monitored GPUs; none without a driver.
#[derive(Debug)]
pub(crate) struct Gpus {
    /// `None` without a driver, or without monitored GPUs.
    library: Option<Nvml>,
    /// Numbers of the monitored GPUs.
    numbers: Vec<u32>,
}

/// One GPU.
#[derive(Clone, Debug)]
pub(crate) struct Gpu {
    /// Number as in `gpu.devices`.
    pub(crate) number: u32,
    /// Product name.
    pub(crate) name: String,
    /// Current usage.
    pub(crate) usage: GpuUsage,
}

/// Usage of a GPU.
#[derive(Clone, Debug, Default)]
pub(crate) struct GpuUsage {
    /// Share of the latest sampling period in which the GPU computed, 0 to 1.
    pub(crate) busy_ratio: f64,
    /// Memory in use, by all processes.
    pub(crate) memory_used_bytes: u64,
    /// Total memory.
    pub(crate) memory_total_bytes: u64,
    /// Temperature; `None` when the device does not report it.
    pub(crate) temperature_celsius: Option<f64>,
    /// Power consumption; `None` when the device does not report it.
    pub(crate) power_watts: Option<f64>,
}

impl Gpus {
    /// Opens the library if there are GPUs to monitor.
    pub(crate) fn open(numbers: &[u32]) -> Self {
        let numbers = numbers.to_vec();
        if numbers.is_empty() {
            return Self { library: None, numbers };
        }
        let library = open_library()
            .inspect_err(|error| {
                tracing::warn!(%error, ?numbers, "gpu.devices are not monitored: no NVIDIA driver");
            })
            .ok();
        Self { library, numbers }
    }

    /// Returns the current usage; GPUs that can't be read are left out.
    pub(crate) fn read(&self) -> Vec<Gpu> {
        let Some(library) = &self.library else { return Vec::new() };
        let read = |number: &u32| {
            read_usage(library, *number)
                .inspect_err(
                    |error| tracing::debug!(%error, number, "can't read the usage of a GPU"),
                )
                .ok()
        };
        self.numbers.iter().filter_map(read).collect()
    }
}

/// All GPUs of this machine.
#[derive(Clone, Debug)]
pub struct GpuInventory {
    /// Version of NVIDIA's driver.
    pub driver: String,
    /// The GPUs by number.
    pub gpus: Vec<GpuInfo>,
}

/// A GPU of this machine.
#[derive(Clone, Debug)]
pub struct GpuInfo {
    /// Number as in `gpu.devices`.
    pub number: u32,
    /// Product name.
    pub name: String,
    /// Memory in use, by all processes.
    pub memory_used_bytes: u64,
    /// Total memory.
    pub memory_total_bytes: u64,
}

/// Finds the GPUs of this machine.
///
/// # Errors
/// The message of NVIDIA's library, when its driver is missing or does not work.
pub fn find_gpus() -> Result<GpuInventory, String> {
    let library = open_library().map_err(|error| error.to_string())?;
    let find = || -> Result<GpuInventory, NvmlError> {
        let numbers = 0..library.device_count()?;
        let gpus = numbers.map(|number| read_info(&library, number)).collect::<Result<_, _>>()?;
        Ok(GpuInventory { driver: library.sys_driver_version()?, gpus })
    };
    find().map_err(|error| error.to_string())
}

fn read_info(library: &Nvml, number: u32) -> Result<GpuInfo, NvmlError> {
    let device = library.device_by_index(number)?;
    let memory = device.memory_info()?;
    Ok(GpuInfo {
        number,
        name: device.name()?,
        memory_used_bytes: memory.used,
        memory_total_bytes: memory.total,
    })
}

fn open_library() -> Result<Nvml, NvmlError> {
    // The name without a version exists in the development package only.
    Nvml::builder().lib_path("libnvidia-ml.so.1".as_ref()).init()
}

fn read_usage(library: &Nvml, number: u32) -> Result<Gpu, NvmlError> {
    let device = library.device_by_index(number)?;
    let memory = device.memory_info()?;
    let usage = GpuUsage {
        busy_ratio: f64::from(device.utilization_rates()?.gpu) / 100.0,
        memory_used_bytes: memory.used,
        memory_total_bytes: memory.total,
        temperature_celsius: device.temperature(TemperatureSensor::Gpu).ok().map(f64::from),
        // Reported in milliwatts.
        power_watts: device.power_usage().ok().map(|power| f64::from(power) / 1000.0),
    };
    Ok(Gpu { number, name: device.name()?, usage })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_driver_no_gpu_is_read() {
        assert!(Gpus::open(&[]).read().is_empty());
        let gpus = Gpus::open(&[0]);
        assert_eq!(gpus.library.is_none(), gpus.read().is_empty());
        assert_eq!(gpus.library.is_none(), find_gpus().is_err());
    }
}
