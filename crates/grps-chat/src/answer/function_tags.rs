//! A call written as tags: `<function=name><parameter=key>value</parameter></function>`.

use serde::de::IgnoredAny;

use super::call::Progress;
use super::part_sink::PartSink;

const PARAMETER: &str = "<parameter=";
const PARAMETER_END: &str = "</parameter>";
const FUNCTION_END: &str = "</function>";
/// Ends the call as well, if the model forgets the end of the function.
const CALL_END: &str = "</tool_call>";

/// What comes next.
#[derive(Debug)]
enum Place {
    Name,
    BetweenTags,
    Key,
    Value,
}

enum Step {
    /// So many bytes were read.
    Read(usize),
    /// So many bytes are the beginning of a tag.
    More(usize),
    /// So many bytes were read, and the call ends after them.
    Done(usize),
    /// So many bytes were read, and no call continues after them.
    Malformed(usize),
}

/// Reads a call from the name on, and delivers each parameter when it is complete.
#[derive(Debug)]
pub(super) struct FunctionTags {
    /// What was read and is not delivered yet.
    held: String,
    /// Where the name, key or value begins in `held`.
    token: usize,
    place: Place,
    /// The name of the tool until the call is delivered, then of the parameter.
    name: String,
    begun: bool,
    has_parameters: bool,
}

impl FunctionTags {
    pub(super) fn new(opening: String) -> Self {
        Self {
            token: opening.len(),
            held: opening,
            place: Place::Name,
            name: String::new(),
            begun: false,
            has_parameters: false,
        }
    }

    pub(super) fn push(&mut self, text: &str, sink: &mut PartSink<'_>) -> Progress {
        let mut at = 0;
        while at < text.len() {
            let rest = &text[at..];
            let step = match self.place {
                Place::Name | Place::Key => self.read_name(rest),
                Place::BetweenTags => self.read_tag(rest, sink),
                Place::Value => self.read_value(rest, sink),
            };
            match step {
                Step::Read(bytes) => at += bytes,
                Step::More(unread) => return Progress::More { unread },
                Step::Done(bytes) => {
                    let unread = rest.len() - bytes;
                    return Progress::Done { unread };
                }
                Step::Malformed(bytes) => {
                    sink.text(&self.held);
                    let unread = rest.len() - bytes;
                    return if self.begun {
                        Progress::Done { unread }
                    } else {
                        Progress::Malformed { unread }
                    };
                }
            }
        }
        Progress::More { unread: 0 }
    }

    pub(super) fn into_held(self) -> String {
        self.held
    }

    /// Reads the name of the tool or of a parameter.
    fn read_name(&mut self, rest: &str) -> Step {
        let Some(end) = rest.find(['>', '<', '\n']) else {
            self.held.push_str(rest);
            return Step::Read(rest.len());
        };
        self.held.push_str(&rest[..end]);
        let name = self.held[self.token..].trim();
        if !rest[end..].starts_with('>') || name.is_empty() {
            return Step::Malformed(end);
        }
        self.name = name.to_owned();
        self.held.push('>');
        self.token = self.held.len();
        self.place = match self.place {
            Place::Key => Place::Value,
            _ => Place::BetweenTags,
        };
        Step::Read(end + 1)
    }

    fn read_tag(&mut self, rest: &str, sink: &mut PartSink<'_>) -> Step {
        let tag = rest.trim_ascii_start();
        let space = rest.len() - tag.len();
        if space > 0 {
            self.held.push_str(&rest[..space]);
            return Step::Read(space);
        }
        if tag.starts_with(PARAMETER) {
            self.begin_parameter(sink);
            return Step::Read(PARAMETER.len());
        }
        if tag.starts_with(FUNCTION_END) {
            self.end_call(sink);
            return Step::Done(FUNCTION_END.len());
        }
        if self.begun && tag.starts_with(CALL_END) {
            self.end_call(sink);
            return Step::Done(0);
        }
        let tags: &[&str] = if self.begun {
            &[PARAMETER, FUNCTION_END, CALL_END]
        } else {
            &[PARAMETER, FUNCTION_END]
        };
        if tags.iter().any(|token| token.starts_with(tag)) {
            return Step::More(tag.len());
        }
        Step::Malformed(0)
    }

    fn begin_call(&mut self, sink: &mut PartSink<'_>) {
        if !self.begun {
            sink.call(std::mem::take(&mut self.name));
            sink.arguments("{");
            self.begun = true;
        }
        self.held.clear();
    }

    fn begin_parameter(&mut self, sink: &mut PartSink<'_>) {
        self.begin_call(sink);
        self.held.push_str(PARAMETER);
        self.token = self.held.len();
        self.place = Place::Key;
    }

    fn end_call(&mut self, sink: &mut PartSink<'_>) {
        self.begin_call(sink);
        sink.arguments("}");
    }

    fn read_value(&mut self, rest: &str, sink: &mut PartSink<'_>) -> Step {
        let before = self.held.len();
        self.held.push_str(rest);
        let from = before.saturating_sub(PARAMETER_END.len()).max(self.token);
        // The tag is ASCII, so its bytes are never the middle of a character.
        let found = self.held.as_bytes()[from..]
            .windows(PARAMETER_END.len())
            .position(|window| window == PARAMETER_END.as_bytes());
        let Some(found) = found else {
            return Step::Read(rest.len());
        };
        let end = from + found;
        self.deliver_parameter(end, sink);
        self.held.clear();
        self.place = Place::BetweenTags;
        Step::Read(end + PARAMETER_END.len() - before)
    }

    fn deliver_parameter(&mut self, end: usize, sink: &mut PartSink<'_>) {
        let value = &self.held[self.token..end];
        if self.has_parameters {
            sink.arguments(", ");
        }
        self.has_parameters = true;
        sink.arguments(&json_string(&self.name));
        sink.arguments(": ");
        let trimmed = value.trim();
        if serde_json::from_str::<IgnoredAny>(trimmed).is_ok() {
            sink.arguments(trimmed);
            return;
        }
        let value = value.strip_prefix('\n').unwrap_or(value);
        let value = value.strip_suffix('\n').unwrap_or(value);
        sink.arguments(&json_string(value));
    }
}

fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
