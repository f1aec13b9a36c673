//! Whose fault it is when a run fails, found in what the engine says; as
//! `grps/backends/common/causes.py`.

use std::sync::LazyLock;

use grps_core::{Cause, Error};
use regex::Regex;

/// What engines say of tensors that do not fit their operators.
static OF_THE_INPUT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compiled(
        r"shape|dimension|\bdim\b|\b(?:in)?sizes?\b|input_size|\brank\b|[0-9]+D\b|mismatch|broadcast|channels|elements not|out of (?:data )?(?:range|bounds)|scalar type|same dtype|not implemented for '|converted to scalar",
    )
});
/// What they say of the machine.
static OF_THE_MACHINE: LazyLock<Option<Regex>> =
    LazyLock::new(|| compiled("memory|alloc|cuda|cudnn|cublas|device-side"));

/// The error of a run that failed: the client's fault where its input does not fit.
///
/// The signature does not show all that a model's operators need, such as two inputs of one size or
/// an index below the number of rows.
pub(crate) fn run_error(cause: String, is_input: bool) -> Error {
    let is_clients = (is_input || says(&OF_THE_INPUT, &cause)) && !says(&OF_THE_MACHINE, &cause);
    Error::new(if is_clients { Cause::InvalidArgument } else { Cause::ModelFailed }, cause)
}

/// Joins the lines of a text.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn compiled(pattern: &str) -> Option<Regex> {
    Regex::new(&format!("(?i-u){pattern}")).ok()
}

fn says(words: &Option<Regex>, cause: &str) -> bool {
    words.as_ref().is_some_and(|words| words.is_match(cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_the_inputs_fault_and_memory_is_not() {
        let cause = |text: &str, is_input| run_error(text.to_owned(), is_input).cause();
        for text in [
            "Gather node: indices element out of data bounds",
            "MatMul dimension mismatch",
            "The size of tensor a (3) must match the size of tensor b (2)",
            "Expected 4D input",
            "\"add\" not implemented for 'Bool'",
        ] {
            assert_eq!(cause(text, false), Cause::InvalidArgument, "{text}");
        }
        assert_eq!(cause("an operator failed", false), Cause::ModelFailed);
        assert_eq!(cause("the prize is resized", false), Cause::ModelFailed);
        assert_eq!(cause("an operator failed", true), Cause::InvalidArgument);
        assert_eq!(cause("Failed to allocate a buffer of size 9", true), Cause::ModelFailed);
    }
}
