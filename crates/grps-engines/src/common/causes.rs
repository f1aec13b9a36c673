//! Whose fault the failure of a run is, by what its engine says; as
//! `grps/backends/common/causes.py`.

use grps_core::{Cause, Error};

/// What engines say of tensors that do not fit their operators, in lower case.
const OF_THE_INPUT: [&str; 14] = [
    "shape",
    "dimension",
    " dim ",
    "size",
    "rank",
    "mismatch",
    "broadcast",
    "channels",
    "elements not",
    "out of data range",
    "out of range",
    "out of data bounds",
    "out of bounds",
    "same dtype",
];
/// What they say of the machine, in lower case.
const OF_THE_MACHINE: [&str; 6] = ["memory", "alloc", "cuda", "cudnn", "cublas", "device-side"];

/// The error of a run that failed: the client's fault where its input does not fit.
///
/// `is_input` says whether the engine itself reports that the input is wrong.
pub(crate) fn run_error(cause: String, is_input: bool) -> Error {
    let is_input = is_input || says(&cause, &OF_THE_INPUT);
    let is_clients = is_input && !says(&cause, &OF_THE_MACHINE);
    Error::new(if is_clients { Cause::InvalidArgument } else { Cause::ModelFailed }, cause)
}

/// The words of a text on one line.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn says(cause: &str, words: &[&str]) -> bool {
    let text = cause.to_ascii_lowercase();
    words.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_the_inputs_fault_and_memory_is_not() {
        let cause = |text: &str, is_input| run_error(text.to_owned(), is_input).cause();
        let bounds = "Gather node: indices element out of data bounds";
        assert_eq!(cause(bounds, false), Cause::InvalidArgument);
        assert_eq!(cause("MatMul dimension mismatch", false), Cause::InvalidArgument);
        assert_eq!(cause("an operator failed", false), Cause::ModelFailed);
        assert_eq!(cause("an operator failed", true), Cause::InvalidArgument);
        let memory = "Failed to allocate memory for requested buffer of size 9";
        assert_eq!(cause(memory, true), Cause::ModelFailed);
    }
}
