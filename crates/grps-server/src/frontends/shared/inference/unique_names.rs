//! The names of inputs and outputs in one request.

use std::collections::HashSet;

use grps_core::{Error, quoted};

/// Checks that no name is given twice; `what` says in errors what the names are of.
///
/// # Errors
/// `InvalidArgument` with the name.
pub(crate) fn check_unique<'a>(
    what: &str,
    names: impl ExactSizeIterator<Item = &'a str>,
) -> Result<(), Error> {
    if names.len() < 2 {
        return Ok(());
    }
    let mut seen = HashSet::with_capacity(names.len());
    for name in names {
        if !seen.insert(name) {
            return Err(Error::invalid(format!("{what} {} is given twice", quoted(name))));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_given_once() {
        for names in [&[][..], &["a"], &["a", "b"], &["a", "A", ""]] {
            assert!(check_unique("input", names.iter().copied()).is_ok());
        }
        let error = check_unique("input", ["a", "b", "a"].into_iter()).unwrap_err();
        assert_eq!(error.message(), "input 'a' is given twice");
    }
}
