//! One-line causes out of the long texts of PyTorch; as `grps/backends/torch/causes.py`.

use std::sync::LazyLock;

use regex::Regex;

const TORCHSCRIPT: &str = "Traceback of TorchScript";
static PYTHON_ERROR: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^(?-u:(?:\w+\.)*\w*(?:Error|Exception|Interrupt)\b)(?:: .*)?$").ok()
});

/// The one line that says what failed in PyTorch.
///
/// A TorchScript error ends with the true one after a traceback of the script; all other texts begin
/// with it.
pub(super) fn cause_of(text: &str) -> String {
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines().next().unwrap_or("it failed without a message");
    let is_error =
        |line: &&str| PYTHON_ERROR.as_ref().is_some_and(|pattern| pattern.is_match(line));
    let found = lines().rfind(is_error);
    let found = found.filter(|_| lines().any(|line| line.contains(TORCHSCRIPT)));
    let cause = found.map_or(first, |cause| {
        let cause = cause.strip_prefix("RuntimeError: ").unwrap_or(cause);
        cause.strip_prefix("builtins.").unwrap_or(cause)
    });
    cause.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_found_behind_the_traceback_of_the_script() {
        let text = "The following operation failed in the TorchScript interpreter.\n\
                    Traceback of TorchScript (most recent call last):\n  File \"m.py\", line 3\n\
                    \x20   return a @ b\n           ~ <--- HERE\n\
                    RuntimeError: mat1 and mat2 shapes cannot be multiplied (1x3 and 4x2)\n";
        let cause = "mat1 and mat2 shapes cannot be multiplied (1x3 and 4x2)";
        assert_eq!(cause_of(text), cause);
        let raised = "Traceback of TorchScript\n    raise E\nbuiltins.ValueError: too long";
        assert_eq!(cause_of(raised), "ValueError: too long");
        assert_eq!(cause_of("\n first \nsecond"), "first");
    }
}
