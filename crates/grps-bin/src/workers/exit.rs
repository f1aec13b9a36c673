//! How a process has ended, in words; as `grps/server/worker/process.py` says it.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// The names of signals by their numbers, from 1 on; those of Linux.
const SIGNALS: [&str; 31] = [
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGILL",
    "SIGTRAP",
    "SIGABRT",
    "SIGBUS",
    "SIGFPE",
    "SIGKILL",
    "SIGUSR1",
    "SIGSEGV",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGTERM",
    "SIGSTKFLT",
    "SIGCHLD",
    "SIGCONT",
    "SIGSTOP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGVTALRM",
    "SIGPROF",
    "SIGWINCH",
    "SIGIO",
    "SIGPWR",
    "SIGSYS",
];
/// The signal of which the kernel makes use when memory is short.
const KILL: i32 = 9;

/// How a process has ended that should not have.
pub(crate) fn describe_exit(status: ExitStatus) -> String {
    let Some(signal) = status.signal() else {
        return format!("has ended with exit code {}", status.code().unwrap_or_default());
    };
    let name = usize::try_from(signal - 1).ok().and_then(|index| SIGNALS.get(index));
    let Some(name) = name else { return format!("was killed by signal {signal}") };
    let hint = if signal == KILL { ", perhaps for lack of memory" } else { "" };
    format!("was killed by signal {signal} ({name}{hint})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_is_named_by_its_code_or_its_signal() {
        let described = |wait: i32| describe_exit(ExitStatus::from_raw(wait));
        assert_eq!(described(3 << 8), "has ended with exit code 3");
        assert_eq!(described(11), "was killed by signal 11 (SIGSEGV)");
        assert_eq!(described(6 | 0x80), "was killed by signal 6 (SIGABRT)");
        let killed = "was killed by signal 9 (SIGKILL, perhaps for lack of memory)";
        assert_eq!(described(9), killed);
        assert_eq!(described(31), "was killed by signal 31 (SIGSYS)");
        assert_eq!(described(40), "was killed by signal 40");
    }
}
