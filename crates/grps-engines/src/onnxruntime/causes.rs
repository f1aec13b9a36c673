//! One-line causes out of the long texts of ONNX Runtime, and whose fault they are; as
//! `grps/backends/onnxruntime/causes.py` and `grps/backends/common/causes.py`.

use grps_core::{Cause, Error};
use ort::ErrorCode;

const NODE: &str = "Non-zero status code returned while running ";
const NODE_NAME: &str = " node. Name:'";
const NODE_STATUS: &str = "' Status Message: ";
const PLACE_END: &str = " was false. ";

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

/// What ONNX Runtime says, without its places in the source.
pub(super) fn cause_of(error: &ort::Error) -> String {
    cause_in(error.message())
}

fn cause_in(text: &str) -> String {
    let Some((node, status)) =
        text.strip_prefix(NODE).and_then(|rest| rest.split_once(NODE_STATUS))
    else {
        return one_line(text);
    };
    let (operator, name) = node.split_once(NODE_NAME).unwrap_or((node, ""));
    // A check that failed begins with its place: "/path/file.cc:42 function condition was false. ".
    let status = match status.split_once(PLACE_END) {
        Some((_, said)) if status.starts_with('/') => said,
        _ => status,
    };
    let place = format!("{operator} node {name}");
    format!("{}: {}", place.trim_end(), one_line(status))
}

/// The error of a run that failed: the client's fault where its input does not fit.
pub(super) fn run_error(error: &ort::Error) -> Error {
    let cause = cause_of(error);
    let is_input = error.code() == ErrorCode::InvalidArgument || is_of_the_input(&cause);
    let is_clients = is_input && !is_of_the_machine(&cause);
    Error::new(if is_clients { Cause::InvalidArgument } else { Cause::ModelFailed }, cause)
}

fn is_of_the_input(cause: &str) -> bool {
    says(cause, &OF_THE_INPUT)
}

fn is_of_the_machine(cause: &str) -> bool {
    says(cause, &OF_THE_MACHINE)
}

fn says(cause: &str, words: &[&str]) -> bool {
    let text = cause.to_ascii_lowercase();
    words.iter().any(|word| text.contains(word))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_the_source_are_left_out() {
        let long = "Non-zero status code returned while running Gather node. Name:'look' Status \
                    Message: indices element out of data bounds, idx=9 must be within [-3,2]";
        let cause = "Gather node look: indices element out of data bounds, idx=9 must be within \
                     [-3,2]";
        assert_eq!(cause_in(long), cause);
        let long = "Non-zero status code returned while running MatMul node. Name:'' Status \
                    Message: /src/core/math.h:61 void Compute() left == right was false. \
                    MatMul dimension\n mismatch";
        assert_eq!(cause_in(long), "MatMul node: MatMul dimension mismatch");
        assert_eq!(cause_in("Load model failed:\n  no graph"), "Load model failed: no graph");
    }

    #[test]
    fn what_does_not_fit_is_the_inputs_fault_and_memory_is_not() {
        assert!(is_of_the_input("Gather node: indices element out of data bounds"));
        assert!(is_of_the_input("MatMul dimension mismatch"));
        assert!(!is_of_the_input("an operator failed"));
        assert!(is_of_the_machine("Failed to allocate memory for requested buffer of size 9"));
    }
}
