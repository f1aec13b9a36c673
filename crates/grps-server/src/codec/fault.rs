//! A decoding error that learns where it happened on its way up.

use std::fmt::Display;

use grps_core::Error;

/// Most characters of a sender's text that an error message repeats.
const EXCERPT_CHARS: usize = 40;

/// Why decoding stopped, and the place in the message. Boxed so that `Result`s stay small.
#[derive(Debug)]
pub(super) struct Fault(Box<Parts>);

#[derive(Debug)]
struct Parts {
    /// Path from the outermost field known so far, for example `tensors[1].shape`.
    place: String,
    message: String,
}

impl Fault {
    /// A fault whose place is not known yet.
    #[cold]
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(Box::new(Parts { place: String::new(), message: message.into() }))
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

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let Parts { place, message } = *fault.0;
        if place.is_empty() {
            Self::invalid(message)
        } else {
            Self::invalid(format!("{place}: {message}"))
        }
    }
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
    fn excerpts_are_bounded() {
        assert_eq!(excerpt("a"), "\"a\"");
        let long = excerpt(&"é".repeat(1000));
        assert_eq!(long.chars().count(), EXCERPT_CHARS + 5);
    }
}
