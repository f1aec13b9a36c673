//! The GPUs of the machine and those a service watches, as NVIDIA's management library reports them.

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
    /// `None` where the device does not report it.
    pub(crate) temperature_celsius: Option<f64>,
    /// `None` where the device does not report it.
    pub(crate) power_watts: Option<f64>,
}

impl Gpus {
    /// Opens the library when there is something to watch.
    pub(crate) fn open(numbers: &[u32]) -> Self {
        let numbers = numbers.to_vec();
        if numbers.is_empty() {
            return Self { library: None, numbers };
        }
        let library = open_library()
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

/// All GPUs of this machine, watched or not.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Version of NVIDIA's driver.
    pub driver: String,
    /// In the order of their numbers.
    pub gpus: Vec<Found>,
}

/// A GPU of this machine.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its number, as `gpu.devices` has it.
    pub number: u32,
    /// Its name, for people.
    pub name: String,
    /// Memory in use, by whomever.
    pub memory_used_bytes: u64,
    /// Memory in all.
    pub memory_total_bytes: u64,
}

/// Finds the GPUs of this machine.
///
/// # Errors
/// Why there are none: in NVIDIA's words, when its driver is missing or does not work.
pub fn find_gpus() -> Result<Machine, String> {
    let library = open_library().map_err(|error| error.to_string())?;
    let find = || -> Result<Machine, NvmlError> {
        let numbers = 0..library.device_count()?;
        let gpus = numbers.map(|number| found(&library, number)).collect::<Result<_, _>>()?;
        Ok(Machine { driver: library.sys_driver_version()?, gpus })
    };
    find().map_err(|error| error.to_string())
}

fn found(library: &Nvml, number: u32) -> Result<Found, NvmlError> {
    let device = library.device_by_index(number)?;
    let memory = device.memory_info()?;
    Ok(Found {
        number,
        name: device.name()?,
        memory_used_bytes: memory.used,
        memory_total_bytes: memory.total,
    })
}

fn open_library() -> Result<Nvml, NvmlError> {
    // Its name without a version is part of the development package only.
    Nvml::builder().lib_path("libnvidia-ml.so.1".as_ref()).init()
}

fn read(library: &Nvml, number: u32) -> Result<Gpu, NvmlError> {
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
    fn without_a_driver_there_are_none() {
        assert!(Gpus::open(&[]).read().is_empty());
        let asked = Gpus::open(&[0]);
        assert_eq!(asked.library.is_none(), asked.read().is_empty());
        assert_eq!(asked.library.is_none(), find_gpus().is_err());
    }
}
