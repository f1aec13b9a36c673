//! What of the machine this process may use: processors and memory, a container's limits counted.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

const CGROUP: &str = "/sys/fs/cgroup";
const OWN_GROUPS: &str = "/proc/self/cgroup";

/// How many processors this process may keep busy, at least one.
pub(crate) fn usable_cpus() -> usize {
    // It counts the affinity of the process, and most limits of groups.
    let known = std::thread::available_parallelism().map_or(1, usize::from);
    let groups = folders("cpu");
    let limits = groups.iter().flat_map(|folder| {
        let modern = text(&folder.join("cpu.max"));
        let (quota, period) = modern.split_once(' ').unwrap_or_default();
        let former =
            (text(&folder.join("cpu.cfs_quota_us")), text(&folder.join("cpu.cfs_period_us")));
        [whole_cpus(quota, period), whole_cpus(&former.0, &former.1)]
    });
    limits.flatten().fold(known, usize::min)
}

/// The bytes that this process may use: the smallest limit of its groups, or the machine.
pub(crate) fn memory_limit() -> u64 {
    let groups = folders("memory");
    let files = groups.iter().flat_map(|folder| {
        ["memory.max", "memory.limit_in_bytes"].map(|name| text(&folder.join(name)))
    });
    files.filter_map(|limit| limit.parse().ok()).fold(total_memory(), u64::min)
}

fn total_memory() -> u64 {
    let lines = text(Path::new("/proc/meminfo"));
    let total = lines.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kilobytes = total.and_then(|total| total.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.map_or(u64::MAX, |kilobytes| kilobytes * 1024)
}

fn whole_cpus(quota: &str, period: &str) -> Option<usize> {
    let (quota, period): (usize, usize) = (quota.parse().ok()?, period.parse().ok()?);
    (period > 0).then(|| quota.div_ceil(period).max(1))
}

/// The folders of the groups that limit this process: its own and all around them.
fn folders(controller: &str) -> Vec<PathBuf> {
    let root = Path::new(CGROUP);
    let mut found = vec![root.to_owned(), root.join(controller)];
    for line in text(Path::new(OWN_GROUPS)).lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(number), Some(controllers), Some(path)) =
            (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let mut folder = if number == "0" && controllers.is_empty() {
            root.to_owned()
        } else if controllers.split(',').any(|one| one == controller) {
            root.join(controller)
        } else {
            continue;
        };
        if path.split('/').any(|part| part == "..") {
            continue; // a group outside of the container's own tree
        }
        for part in path.split('/').filter(|part| !part.is_empty()) {
            folder.push(part);
            found.push(folder.clone());
        }
    }
    found
}

fn text(file: &Path) -> String {
    read_to_string(file).map_or_else(|_| String::new(), |text| text.trim().to_owned())
}
