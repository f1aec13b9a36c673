//! The states of an answer and the steps between them.

use super::call::{Call, Progress};
use super::grammar::{Choice, Grammar, Next};
use super::markers::{self, Found};
use super::part_sink::PartSink;

const THINK: &str = "<think>";
pub(super) static THINK_END: [Choice; 1] =
    [Choice { token: "</think>", stays: false, next: Next::Text }];

/// The most bytes a call reads at once, so that a long text is not copied for each of its calls.
const CALL_BYTES: usize = 1024;

/// Where in the answer the parser is.
#[derive(Debug)]
pub(super) enum State {
    /// Before the first word, where reasoning or a bare call may begin.
    Start {
        may_think: bool,
        drops_newlines: bool,
    },
    Reasoning {
        drops_newlines: bool,
    },
    Text {
        drops_newlines: bool,
    },
    /// Around calls, where a token is expected.
    Choices {
        choices: &'static [Choice],
        /// What was read since the text, and is text if no token follows.
        read: String,
        after_call: bool,
    },
    Call {
        call: Call,
        after: &'static [Choice],
    },
}

/// How much of the text a step has read.
enum Step {
    Read(usize),
    /// More text is needed first.
    Wait,
}

/// Returns the text, without the newlines it begins with if it `drops` them.
pub(super) fn without_newlines(text: &str, drops: bool) -> &str {
    if drops { text.trim_start_matches('\n') } else { text }
}

/// Reads text in the state of a parser.
pub(super) struct Reader<'a> {
    pub(super) grammar: &'static Grammar,
    pub(super) state: &'a mut State,
    /// Newlines at the end of what was read, which are not delivered yet.
    pub(super) newlines: &'a mut usize,
}

impl Reader<'_> {
    /// Reads as much as is certain and returns how many bytes that is.
    pub(super) fn read(&mut self, text: &str, sink: &mut PartSink<'_>) -> usize {
        let mut at = 0;
        while at < text.len() {
            match self.step(&text[at..], sink) {
                Step::Read(bytes) => at += bytes,
                Step::Wait => break,
            }
        }
        at
    }

    fn step(&mut self, rest: &str, sink: &mut PartSink<'_>) -> Step {
        match self.state {
            State::Start { may_think, drops_newlines } => {
                let (may_think, drops_newlines) = (*may_think, *drops_newlines);
                self.start(rest, may_think, drops_newlines)
            }
            State::Reasoning { drops_newlines: true } => self.begin_reasoning(rest),
            State::Reasoning { .. } => self.read_plain(rest, &THINK_END, sink),
            State::Text { drops_newlines: true } => {
                let text = rest.trim_start_matches('\n');
                if !text.is_empty() {
                    self.text(false);
                }
                Step::Read(rest.len() - text.len())
            }
            State::Text { .. } => self.read_plain(rest, self.grammar.markers, sink),
            State::Choices { .. } => self.choose(rest, sink),
            State::Call { .. } => self.read_call(rest, sink),
        }
    }

    fn text(&mut self, drops_newlines: bool) {
        *self.state = State::Text { drops_newlines };
    }

    fn start(&mut self, rest: &str, may_think: bool, drops_newlines: bool) -> Step {
        let word = rest.trim_ascii_start();
        let space = rest.len() - word.len();
        if word.is_empty() || (may_think && word.len() < THINK.len() && THINK.starts_with(word)) {
            return Step::Wait;
        }
        if may_think && word.starts_with(THINK) {
            *self.state = State::Reasoning { drops_newlines: true };
            return Step::Read(space + THINK.len());
        }
        match self.grammar.bare {
            Some(next) if word.starts_with('{') => {
                let opening = without_newlines(&rest[..space], drops_newlines).to_owned();
                self.enter(next, opening, false);
                Step::Read(space)
            }
            _ => {
                self.text(drops_newlines);
                Step::Read(0)
            }
        }
    }

    /// Drops newlines before reasoning, and a marker that repeats the one of the prompt.
    fn begin_reasoning(&mut self, rest: &str) -> Step {
        let word = rest.trim_start_matches('\n');
        let newlines = rest.len() - word.len();
        if word.starts_with(THINK) {
            return Step::Read(newlines + THINK.len());
        }
        if word.is_empty() {
            return Step::Read(newlines);
        }
        if THINK.starts_with(word) {
            return Step::Wait;
        }
        *self.state = State::Reasoning { drops_newlines: false };
        Step::Read(newlines)
    }

    /// Delivers text or reasoning up to the first marker.
    fn read_plain(
        &mut self,
        rest: &str,
        markers: &'static [Choice],
        sink: &mut PartSink<'_>,
    ) -> Step {
        match markers::find(rest, markers) {
            Found::Nothing if markers.is_empty() => {
                sink.text(rest);
                Step::Read(rest.len())
            }
            Found::Nothing => {
                self.deliver(rest, sink);
                Step::Read(rest.len())
            }
            Found::Beginning(0) => Step::Wait,
            Found::Beginning(at) => {
                self.deliver(&rest[..at], sink);
                Step::Read(at)
            }
            Found::Marker(at, marker) => {
                self.deliver(&rest[..at], sink);
                let newlines = std::mem::take(self.newlines);
                if matches!(self.state, State::Reasoning { .. }) {
                    self.end_reasoning();
                } else {
                    self.enter(&marker.next, "\n".repeat(newlines) + marker.token, false);
                }
                Step::Read(at + marker.token.len())
            }
        }
    }

    /// Delivers text or reasoning without the newlines at its end, which may be dropped.
    fn deliver(&mut self, plain: &str, sink: &mut PartSink<'_>) {
        let deliver = match self.state {
            State::Reasoning { .. } => PartSink::reasoning,
            _ => PartSink::text,
        };
        let words = plain.trim_end_matches('\n');
        if !words.is_empty() {
            if *self.newlines > 0 {
                deliver(sink, &"\n".repeat(*self.newlines));
                *self.newlines = 0;
            }
            deliver(sink, words);
        }
        *self.newlines += plain.len() - words.len();
    }

    fn end_reasoning(&mut self) {
        *self.state = if self.grammar.bare.is_some() {
            State::Start { may_think: false, drops_newlines: true }
        } else {
            State::Text { drops_newlines: true }
        };
    }

    /// Goes on to what a token leads to. `read` is text if no call comes of it.
    fn enter(&mut self, next: &'static Next, read: String, after_call: bool) {
        *self.state = match next {
            Next::Text => State::Text { drops_newlines: true },
            Next::Choices(choices) => State::Choices { choices, read, after_call },
            Next::Call(shape, after) => State::Call { call: Call::new(*shape, read), after },
        };
    }

    fn choose(&mut self, rest: &str, sink: &mut PartSink<'_>) -> Step {
        let State::Choices { choices, read, after_call } = self.state else {
            return Step::Read(0);
        };
        let (choices, after_call) = (*choices, *after_call);
        let word = rest.trim_ascii_start();
        let space = rest.len() - word.len();
        if space > 0 {
            read.push_str(&rest[..space]);
            return Step::Read(space);
        }
        if let Some(choice) = choices.iter().find(|choice| word.starts_with(choice.token)) {
            let mut read = std::mem::take(read);
            let bytes = if choice.stays { 0 } else { choice.token.len() };
            read.push_str(&word[..bytes]);
            if after_call && !matches!(choice.next, Next::Call(..)) {
                read.clear();
            }
            self.enter(&choice.next, read, after_call);
            return Step::Read(bytes);
        }
        if choices.iter().any(|choice| choice.token.starts_with(word)) {
            return Step::Wait;
        }
        let text = without_newlines(read, after_call);
        sink.text(text);
        let drops_newlines = after_call && text.is_empty();
        self.text(drops_newlines);
        Step::Read(0)
    }

    fn read_call(&mut self, rest: &str, sink: &mut PartSink<'_>) -> Step {
        let State::Call { call, after } = self.state else {
            return Step::Read(0);
        };
        let piece = &rest[..char_boundary(rest, CALL_BYTES)];
        match call.push(piece, sink) {
            Progress::More { unread } if unread == piece.len() => Step::Wait,
            Progress::More { unread } => Step::Read(piece.len() - unread),
            Progress::Done { unread } => {
                *self.state =
                    State::Choices { choices: after, read: String::new(), after_call: true };
                Step::Read(piece.len() - unread)
            }
            Progress::Malformed { unread } => {
                self.text(false);
                Step::Read(piece.len() - unread)
            }
        }
    }
}

/// Returns the last boundary of a character up to `most`.
fn char_boundary(text: &str, most: usize) -> usize {
    if text.len() <= most {
        return text.len();
    }
    let mut at = most;
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
