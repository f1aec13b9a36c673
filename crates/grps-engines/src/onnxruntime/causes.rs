//! One-line causes out of the long texts of ONNX Runtime; as
//! `grps/backends/onnxruntime/causes.py`.

use grps_core::Error;
use ort::ErrorCode;

use crate::common::{self, one_line};

const NODE: &str = "Non-zero status code returned while running ";
const NODE_NAME: &str = " node. Name:'";
const NODE_STATUS: &str = "' Status Message: ";
const PLACE_END: &str = " was false. ";

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

/// The error of a run that failed.
pub(super) fn run_error(error: &ort::Error) -> Error {
    common::run_error(cause_of(error), error.code() == ErrorCode::InvalidArgument)
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
}
