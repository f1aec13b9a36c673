//! A call that is one JSON object with a name and arguments.

use std::ops::Range;

use super::call::Progress;
use super::json_value::{JsonStep, JsonValue};
use super::part_sink::PartSink;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Name,
    Arguments,
    Other,
}

/// What is expected next in the object.
#[derive(Debug)]
enum Expect {
    Object,
    Key,
    Colon,
    Value,
    Comma,
    KeyEnd(JsonValue),
    ValueEnd(JsonValue),
}

/// Whether reading continues after a byte.
enum Step {
    Next,
    /// The byte belongs to what comes next and is looked at again.
    Again,
    Done,
    Malformed,
}

/// Reads `{"name": …, "arguments": {…}}`, in any order of the keys; `parameters` is a synonym.
///
/// The arguments are streamed as soon as the name is known. Everything before is held.
#[derive(Debug)]
pub(super) struct KeyedCall {
    /// What was read and is not delivered yet.
    held: String,
    /// The next byte of `held` to look at.
    at: usize,
    expect: Expect,
    key: Key,
    /// Where the key or value begins in `held`.
    token: usize,
    name: Option<String>,
    /// Arguments that came before the name.
    arguments: Option<String>,
    /// Whether the call was delivered.
    begun: bool,
    /// Whether the value that is read is delivered piece by piece.
    streams: bool,
    needs_arguments: bool,
}

impl KeyedCall {
    pub(super) fn new(opening: String, needs_arguments: bool) -> Self {
        Self {
            at: opening.len(),
            held: opening,
            expect: Expect::Object,
            key: Key::Other,
            token: 0,
            name: None,
            arguments: None,
            begun: false,
            streams: false,
            needs_arguments,
        }
    }

    pub(super) fn push(&mut self, text: &str, sink: &mut PartSink<'_>) -> Progress {
        self.held.push_str(text);
        while let Some(&byte) = self.held.as_bytes().get(self.at) {
            match self.step(byte, sink) {
                Step::Next => self.at += 1,
                Step::Again => {}
                Step::Done => {
                    let unread = self.held.len() - self.at - 1;
                    return Progress::Done { unread };
                }
                Step::Malformed => return self.malformed(sink),
            }
        }
        if self.streams {
            self.deliver_value(sink, self.at);
        }
        Progress::More { unread: 0 }
    }

    pub(super) fn into_held(self) -> String {
        self.held
    }

    fn step(&mut self, byte: u8, sink: &mut PartSink<'_>) -> Step {
        if byte.is_ascii_whitespace()
            && !matches!(self.expect, Expect::KeyEnd(_) | Expect::ValueEnd(_))
        {
            return Step::Next;
        }
        match (&mut self.expect, byte) {
            (Expect::KeyEnd(value), _) => match value.step(byte) {
                JsonStep::Inside => Step::Next,
                JsonStep::Last => self.end_key(),
                JsonStep::Ended | JsonStep::Invalid => Step::Malformed,
            },
            (Expect::ValueEnd(value), _) => match value.step(byte) {
                JsonStep::Inside => Step::Next,
                JsonStep::Last => self.end_value(self.at + 1, sink),
                JsonStep::Ended => self.end_value(self.at, sink),
                JsonStep::Invalid => Step::Malformed,
            },
            (Expect::Object, b'{') => self.next(Expect::Key),
            (Expect::Key, b'"') => {
                self.token = self.at;
                self.expect = Expect::KeyEnd(JsonValue::default());
                Step::Again
            }
            (Expect::Colon, b':') => self.next(Expect::Value),
            (Expect::Value, b',' | b':' | b'}' | b']') => Step::Malformed,
            (Expect::Value, _) => self.begin_value(byte, sink),
            (Expect::Comma, b',') => self.next(Expect::Key),
            (Expect::Key | Expect::Comma, b'}') => self.end_object(sink),
            _ => Step::Malformed,
        }
    }

    fn next(&mut self, expect: Expect) -> Step {
        self.expect = expect;
        Step::Next
    }

    fn end_key(&mut self) -> Step {
        self.key = match &self.held[self.token..=self.at] {
            "\"name\"" => Key::Name,
            "\"arguments\"" | "\"parameters\"" => Key::Arguments,
            _ => Key::Other,
        };
        self.next(Expect::Colon)
    }

    fn begin_value(&mut self, byte: u8, sink: &mut PartSink<'_>) -> Step {
        self.token = self.at;
        self.expect = Expect::ValueEnd(JsonValue::default());
        let may_stream = self.key == Key::Arguments && byte == b'{' && !self.begun;
        if may_stream && let Some(name) = self.name.take() {
            sink.call(name);
            self.begun = true;
            self.streams = true;
        }
        Step::Again
    }

    /// Takes the value, which ends before `end` in `held`.
    fn end_value(&mut self, end: usize, sink: &mut PartSink<'_>) -> Step {
        self.expect = Expect::Comma;
        if self.streams {
            self.streams = false;
            self.deliver_value(sink, end);
            return Step::Again;
        }
        if !self.begun && !self.keep_value(self.token..end) {
            return Step::Malformed;
        }
        self.at = end;
        if self.arguments.is_some() {
            self.begin_call(sink);
        }
        Step::Again
    }

    /// Returns whether the value suits its key.
    fn keep_value(&mut self, range: Range<usize>) -> bool {
        let json = &self.held[range];
        match self.key {
            Key::Name => {
                self.name = serde_json::from_str(json).ok();
                self.name.as_ref().is_some_and(|name| !name.is_empty())
            }
            Key::Arguments => {
                self.arguments = arguments_object(json);
                self.arguments.is_some()
            }
            Key::Other => true,
        }
    }

    /// Delivers the call with the arguments that are held, as soon as its name is known.
    fn begin_call(&mut self, sink: &mut PartSink<'_>) {
        let Some(name) = self.name.take() else {
            return;
        };
        sink.call(name);
        sink.arguments(self.arguments.take().as_deref().unwrap_or("{}"));
        self.begun = true;
        self.held.drain(..self.at);
        self.at = 0;
    }

    /// Delivers the value up to `end` and forgets everything before.
    fn deliver_value(&mut self, sink: &mut PartSink<'_>, end: usize) {
        sink.arguments(&self.held[self.token..end]);
        self.held.drain(..end);
        self.token = 0;
        self.at = 0;
    }

    fn end_object(&mut self, sink: &mut PartSink<'_>) -> Step {
        if !self.begun && !self.needs_arguments {
            self.begin_call(sink);
        }
        if self.begun {
            return Step::Done;
        }
        Step::Malformed
    }

    /// Ends a call that is no JSON object. A call that was delivered stays.
    fn malformed(&mut self, sink: &mut PartSink<'_>) -> Progress {
        let unread = self.held.len() - self.at;
        let read = &self.held[..self.at];
        if self.streams {
            sink.arguments(&read[self.token..]);
        } else if !self.begun || !read.trim().is_empty() {
            sink.text(read);
        }
        if self.begun {
            return Progress::Done { unread };
        }
        Progress::Malformed { unread }
    }
}

/// Returns the object of arguments, which some models write as a string or as null.
fn arguments_object(json: &str) -> Option<String> {
    if json.starts_with('{') {
        return Some(json.to_owned());
    }
    if json == "null" {
        return Some("{}".to_owned());
    }
    let text: String = serde_json::from_str(json).ok()?;
    if text.trim().is_empty() {
        return Some("{}".to_owned());
    }
    let object: Result<serde_json::Map<_, _>, _> = serde_json::from_str(&text);
    object.is_ok().then_some(text)
}
