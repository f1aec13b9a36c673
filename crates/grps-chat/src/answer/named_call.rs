//! A call whose name stands before the object of its arguments.

use super::call::Progress;
use super::json_value::{JsonStep, JsonValue};
use super::part_sink::PartSink;

/// Finds the name in the text before the arguments, if the header is well-formed.
pub(super) type NameOfHeader = fn(&str) -> Option<&str>;

/// Reads a header up to the first brace, then streams the arguments.
#[derive(Debug)]
pub(super) struct NamedCall {
    /// What was read and is not delivered yet: the opening, then the header.
    held: String,
    /// Where the header begins in `held`.
    header: usize,
    name_of: NameOfHeader,
    /// The arguments, as soon as they began.
    arguments: Option<JsonValue>,
}

impl NamedCall {
    pub(super) fn new(opening: String, name_of: NameOfHeader) -> Self {
        Self { header: opening.len(), held: opening, name_of, arguments: None }
    }

    pub(super) fn push(&mut self, text: &str, sink: &mut PartSink<'_>) -> Progress {
        if self.arguments.is_some() {
            return self.push_arguments(text, sink);
        }
        let Some(brace) = text.find('{') else {
            self.held.push_str(text);
            return Progress::More { unread: 0 };
        };
        let (header, arguments) = text.split_at(brace);
        self.held.push_str(header);
        let Some(name) = (self.name_of)(&self.held[self.header..]) else {
            sink.text(&self.held);
            return Progress::Malformed { unread: arguments.len() };
        };
        sink.call(name.to_owned());
        self.held.clear();
        self.arguments = Some(JsonValue::default());
        self.push_arguments(arguments, sink)
    }

    fn push_arguments(&mut self, text: &str, sink: &mut PartSink<'_>) -> Progress {
        let value = self.arguments.get_or_insert_default();
        for (at, byte) in text.bytes().enumerate() {
            let end = match value.step(byte) {
                JsonStep::Inside => continue,
                JsonStep::Last => at + 1,
                JsonStep::Ended | JsonStep::Invalid => at,
            };
            sink.arguments(&text[..end]);
            return Progress::Done { unread: text.len() - end };
        }
        sink.arguments(text);
        Progress::More { unread: 0 }
    }

    pub(super) fn into_held(self) -> String {
        self.held
    }
}
