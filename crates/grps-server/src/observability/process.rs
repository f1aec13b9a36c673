//! Resource usage of this process, as the system reports it.

use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// Resource usage of this process over time.
pub(crate) struct Usage {
    /// Time of the last measurement, and the processor time until then.
    last: (Instant, Duration),
    /// Memory that the process may use.
    memory_limit_bytes: u64,
}

impl Usage {
    pub(crate) fn new(memory_limit_bytes: u64) -> Self {
        Self { last: (Instant::now(), processor_time()), memory_limit_bytes }
    }

    /// Percentage of one processor since the last measurement, and percentage of the memory limit.
    pub(crate) fn measure(&mut self) -> (f64, f64) {
        let (since, used) = self.last;
        let (now, total) = (Instant::now(), processor_time());
        self.last = (now, total);
        let elapsed = now.duration_since(since).as_secs_f64();
        let spent = total.saturating_sub(used).as_secs_f64();
        let processor = if elapsed > 0.0 { 100.0 * spent / elapsed } else { 0.0 };
        let limit = self.memory_limit_bytes.max(1) as f64;
        (processor, 100.0 * resident_bytes() as f64 / limit)
    }
}

/// Processor time of the process.
pub(crate) fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Resident memory of the process; 0 where the system does not report it.
pub(crate) fn resident_bytes() -> u64 {
    statm_bytes(1)
}

/// Resident memory without mapped files, which the system can evict.
pub(crate) fn unmapped_bytes() -> u64 {
    statm_bytes(1).saturating_sub(statm_bytes(2))
}

/// Address space of the process.
pub(crate) fn virtual_bytes() -> u64 {
    statm_bytes(0)
}

/// Open files, sockets and pipes; 0 where the system does not report it.
pub(crate) fn open_descriptors() -> u64 {
    // Reading the folder opens one more descriptor.
    std::fs::read_dir("/proc/self/fd").map_or(0, |open| (open.count() as u64).saturating_sub(1))
}

/// Maximum number of open descriptors; `None` for no limit.
pub(crate) fn max_descriptors() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Threads of the process; 0 where the system does not report it.
pub(crate) fn threads() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Threads:"));
    line.and_then(|count| count.trim().parse().ok()).unwrap_or_default()
}

/// A field of `/proc/self/statm`, which counts pages.
fn statm_bytes(field: usize) -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 =
        statm.split(' ').nth(field).and_then(|pages| pages.trim().parse().ok()).unwrap_or_default();
    pages * rustix::param::page_size() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory() {
        let (_, memory) = Usage::new(1 << 40).measure();
        assert!(memory > 0.0 && memory < 100.0);
        assert!(unmapped_bytes() <= resident_bytes() && resident_bytes() < virtual_bytes());
    }

    #[test]
    fn this_process_has_threads_and_descriptors() {
        let open = open_descriptors();
        assert!(open >= 3, "{open}");
        assert!(max_descriptors().is_none_or(|most| most >= open));
        assert!(threads() >= 1);
    }
}
