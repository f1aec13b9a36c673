//! Resource usage of this process, as the system reports it.

use std::ops::Range;
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
        Self { last: (Instant::now(), processor_time_of_all()), memory_limit_bytes }
    }

    /// Percentage of one processor, worker processes included, since the last measurement, and percentage of the memory limit.
    pub(crate) fn measure(&mut self) -> (f64, f64) {
        let (since, used) = self.last;
        let (now, total) = (Instant::now(), processor_time_of_all());
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

/// Processor time of the process and of its worker processes, the ended ones included.
pub(crate) fn processor_time_of_all() -> Duration {
    let running: Duration = children().iter().map(|pid| processor_time_of(pid)).sum();
    processor_time() + ended_processor_time() + running
}

/// Identifiers of the running child processes; empty where the system does not list them.
fn children() -> Vec<String> {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = threads.filter_map(|one| std::fs::read_to_string(one.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Processor time of the child processes that have ended.
fn ended_processor_time() -> Duration {
    times_in("/proc/self/stat", 15..17)
}

/// Processor time of another process and of its child processes that have ended.
fn processor_time_of(pid: &str) -> Duration {
    times_in(&format!("/proc/{pid}/stat"), 13..17)
}

/// The sum of fields of a `stat` file, counted from 0, which are times.
fn times_in(path: &str, fields: Range<usize>) -> Duration {
    let stat = std::fs::read_to_string(path).unwrap_or_default();
    // The second field is the name in parentheses, which may contain blanks and parentheses.
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let values = after_name.split(' ').skip(fields.start.saturating_sub(2)).take(fields.len());
    let ticks: u64 = values.filter_map(|value| value.parse::<u64>().ok()).sum();
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second().max(1) as f64)
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
    fn child_processes_count_while_they_run_and_after() {
        let busy = "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done";
        let mut child = std::process::Command::new("sh")
            .args(["-c", &format!("{busy}; echo; read -r _")])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let pid = child.id().to_string();
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        assert!(children().contains(&pid));
        let running = processor_time_of(&pid);
        assert!(running > Duration::ZERO);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(ended_processor_time() >= running);
        assert!(!children().contains(&pid));
    }

    #[test]
    fn this_process_has_threads_and_descriptors() {
        let open = open_descriptors();
        assert!(open >= 3, "{open}");
        assert!(max_descriptors().is_none_or(|most| most >= open));
        assert!(threads() >= 1);
    }
}
