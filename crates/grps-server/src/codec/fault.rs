//! A decoding error that learns where it happened on its way up.

use std::fmt::Display;

use grps_core::{Cause, Error};

/// Most characters of a sender's text that an error message repeats.
const EXCERPT_CHARS: usize = 40;

/// Most edits between a field that is not known and the one that was meant.
const MAX_EDITS: usize = 3;

/// Why decoding stopped, and the place in the message. Boxed so that `Result`s stay small.
#[derive(Debug)]
pub(crate) struct Fault(Box<Parts>);

#[derive(Debug)]
struct Parts {
    /// Path from the outermost field known so far, for example `tensors[1].shape`.
    place: String,
    cause: Cause,
    message: String,
}

impl Fault {
    /// A fault whose place is not known yet.
    #[cold]
    pub(super) fn new(message: impl Into<String>) -> Self {
        Error::invalid(message).into()
    }

    /// A value that its type cannot hold.
    #[cold]
    pub(super) fn out_of_range(value: impl Display, dtype: impl Display, allowed: &str) -> Self {
        Self::new(format!("{value} is out of range for {dtype}, {allowed} is allowed"))
    }

    /// The fault lies in the field of this name.
    #[cold]
    pub(super) fn in_field(self, name: &str) -> Self {
        self.prefixed(name)
    }

    /// The fault lies in the element of this index.
    #[cold]
    pub(super) fn at_index(self, index: usize) -> Self {
        self.prefixed(&format!("[{index}]"))
    }

    /// The fault lies in the map entry with this key.
    #[cold]
    pub(super) fn at_key(self, key: &str) -> Self {
        self.prefixed(&format!("[{}]", excerpt(key)))
    }

    fn prefixed(mut self, prefix: &str) -> Self {
        let place = &mut self.0.place;
        if !place.is_empty() && !place.starts_with('[') {
            place.insert(0, '.');
        }
        place.insert_str(0, prefix);
        self
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let (cause, message) = (error.cause(), error.message().to_owned());
        Self(Box::new(Parts { place: String::new(), cause, message }))
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let Parts { place, cause, message } = *fault.0;
        // Memory is a matter of the whole request, not of the part at which it ran out.
        if place.is_empty() || cause != Cause::InvalidArgument {
            Self::new(cause, message)
        } else {
            Self::new(cause, format!("{place}: {message}"))
        }
    }
}

/// A field of a sender's that is not known, and the one that was probably meant.
pub(super) fn unknown_field(given: &str, known: &[&str]) -> String {
    let given: String = given.chars().take(EXCERPT_CHARS + 1).collect();
    let lower = given.to_lowercase();
    let near = known.iter().map(|name| (distance(&lower, name), name)).min();
    match near {
        Some((edits, name)) if edits <= MAX_EDITS && edits < name.len() / 2 => {
            format!("{} is not known: did you mean {name:?}?", excerpt(&given))
        }
        _ => format!("{} is not known", excerpt(&given)),
    }
}

/// How many characters to insert, remove or replace to make one text of the other.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (index, left) in one.chars().enumerate() {
        let mut diagonal = index;
        let mut last = index + 1;
        for (cell, right) in row.iter_mut().skip(1).zip(other.chars()) {
            let replaced = diagonal + usize::from(left != right);
            diagonal = *cell;
            last = replaced.min(diagonal + 1).min(last + 1);
            *cell = last;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// The start of a sender's text, quoted and escaped so that it fits in one line.
pub(super) fn excerpt(text: &str) -> String {
    grps_core::excerpt(text, EXCERPT_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_join_from_inside_out() {
        let fault = Fault::new("bad").at_index(3).in_field("shape").at_index(1).in_field("tensors");
        assert_eq!(Error::from(fault).message(), "tensors[1].shape[3]: bad");
        assert_eq!(Error::from(Fault::new("bad")).message(), "bad");
        let fault = Fault::new("bad").at_key("a\nb").in_field("s_s");
        assert_eq!(Error::from(fault).message(), "s_s[\"a\\nb\"]: bad");
    }

    #[test]
    fn unknown_fields_are_compared_with_the_known() {
        let known = ["gtensors", "ndarray", "str_data", "gmap"];
        for (given, meant) in [
            ("ndarry", "ndarray"),
            ("nd_array", "ndarray"),
            ("NDArray", "ndarray"),
            ("tensors", "gtensors"),
            ("gtensor", "gtensors"),
            ("map", "gmap"),
            ("strdata", "str_data"),
        ] {
            let expected = format!("{given:?} is not known: did you mean {meant:?}?");
            assert_eq!(unknown_field(given, &known), expected);
        }
        for given in ["", "x", "inputs", "instances", &"ndarray".repeat(99)] {
            assert_eq!(unknown_field(given, &known), format!("{} is not known", excerpt(given)));
        }
        assert_eq!(
            (distance("", "abc"), distance("abc", ""), distance("kitten", "sitting")),
            (3, 3, 3)
        );
    }

    #[test]
    fn excerpts_are_bounded() {
        assert_eq!(excerpt("a"), "\"a\"");
        let long = excerpt(&"é".repeat(1000));
        assert_eq!(long.chars().count(), EXCERPT_CHARS + 5);
    }
}
