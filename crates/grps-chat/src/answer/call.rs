//! One call of a tool within the answer, in any of the known shapes.

use super::function_tags::FunctionTags;
use super::keyed_call::KeyedCall;
use super::named_call::{NameOfHeader, NamedCall};
use super::part_sink::PartSink;

/// How far a call is, and how many bytes at the end of the text it has not read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// The call continues. The unread bytes come again, with more.
    More {
        /// The part of a tag that is not complete.
        unread: usize,
    },
    /// The call is complete.
    Done {
        /// What comes after the call.
        unread: usize,
    },
    /// This is not a call. What was read is delivered as text.
    Malformed {
        /// What comes after that text.
        unread: usize,
    },
}

/// The shape of a call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// `{"name": …, "arguments": {…}}`
    Keyed {
        /// Whether an object without arguments is plain text.
        needs_arguments: bool,
    },
    /// A header with the name, then the object of the arguments.
    Named(NameOfHeader),
    /// `name>` and `<parameter=…>` tags, up to `</function>`.
    FunctionTags,
}

/// A call that is being read.
#[derive(Debug)]
pub(super) enum Call {
    Keyed(KeyedCall),
    Named(NamedCall),
    FunctionTags(FunctionTags),
}

impl Call {
    /// Begins a call. `opening` was read before it and is text if the call is malformed.
    pub(super) fn new(shape: Shape, opening: String) -> Self {
        match shape {
            Shape::Keyed { needs_arguments } => {
                Self::Keyed(KeyedCall::new(opening, needs_arguments))
            }
            Shape::Named(name_of) => Self::Named(NamedCall::new(opening, name_of)),
            Shape::FunctionTags => Self::FunctionTags(FunctionTags::new(opening)),
        }
    }

    /// Reads more of the call.
    pub(super) fn push(&mut self, text: &str, sink: &mut PartSink<'_>) -> Progress {
        match self {
            Self::Keyed(call) => call.push(text, sink),
            Self::Named(call) => call.push(text, sink),
            Self::FunctionTags(call) => call.push(text, sink),
        }
    }

    /// Delivers as text what the end of the answer left incomplete.
    pub(super) fn finish(self, sink: &mut PartSink<'_>) {
        let held = match self {
            Self::Keyed(call) => call.into_held(),
            Self::Named(call) => call.into_held(),
            Self::FunctionTags(call) => call.into_held(),
        };
        sink.text(&held);
    }
}
