//! The last lines that a worker has written to its standard error, for the case of its end.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};

use parking_lot::Mutex;

/// Lines that are kept.
const MAX_LINES: usize = 80;
/// Lines that are shown of a process that did not report a crash.
const SHOWN_LINES: usize = 3;
/// Characters of a line that are kept.
const MAX_CHARS: usize = 400;
/// Bytes that are read of a line at once.
const MAX_READ: u64 = 64 * 1024;
/// What the native report of a crash begins with.
const CRASH_MARK: &str = "grps crash: ";

/// Lines of a standard error.
#[derive(Debug, Default)]
pub(crate) struct LastLines(Mutex<VecDeque<String>>);

impl LastLines {
    /// Passes a stream on to the standard error of this process until its end, and keeps its last
    /// lines.
    pub(crate) fn copy(&self, stream: impl Read) {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while let Ok(1..) = stream.by_ref().take(MAX_READ).read_until(b'\n', &mut line) {
            // Whatever becomes of ours, a worker must not wait for a reader of its own.
            let _ = std::io::stderr().write_all(&line);
            self.keep(&String::from_utf8_lossy(&line));
            line.clear();
        }
    }

    fn keep(&self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut lines = self.0.lock();
        if lines.len() == MAX_LINES {
            lines.pop_front();
        }
        lines.push_back(words.join(" ").chars().take(MAX_CHARS).collect());
    }

    /// The last lines for the log: the report of a crash, or a few lines; empty if there are none.
    ///
    /// They may contain anything: they are for operators, not for clients.
    pub(crate) fn describe(&self) -> String {
        let lines = self.0.lock();
        let lines: Vec<&str> =
            lines.iter().map(String::as_str).filter(|line| !line.is_empty()).collect();
        if let Some(crash) = lines.iter().rposition(|line| line.starts_with(CRASH_MARK)) {
            return format!("\n{}", lines.get(crash..).unwrap_or_default().join("\n"));
        }
        match lines.get(lines.len().saturating_sub(SHOWN_LINES)..).unwrap_or_default() {
            [] => String::new(),
            last => format!("; its last lines: {}", last.join(" | ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_lines_are_shown_or_the_report_of_a_crash() {
        let lines = LastLines::default();
        assert_eq!(lines.describe(), "");
        lines.copy("a\n\n  b  c \nd\ne".as_bytes());
        assert_eq!(lines.describe(), "; its last lines: b c | d | e");
        for number in 0..2 * MAX_LINES {
            lines.keep(&format!("line {number}"));
        }
        lines.copy("grps crash: one\n 0: f\ngrps crash: two\n  0: g\n\n  1: h\n".as_bytes());
        assert_eq!(lines.describe(), "\ngrps crash: two\n0: g\n1: h");
        assert_eq!(lines.0.lock().len(), MAX_LINES);
    }

    #[test]
    fn a_long_line_is_cut() {
        let lines = LastLines::default();
        lines.copy("\u{e9}".repeat(100_000).as_bytes());
        assert!(lines.0.lock().iter().all(|line| line.chars().count() <= MAX_CHARS));
    }
}
