//! Turns the text of one answer, piece by piece, into its parts.

use super::grammar::{Choice, Grammar};
use super::markers;
use super::part_sink::PartSink;
use super::reader::{Reader, State, THINK_END, without_newlines};
use crate::AnswerPart;

/// The parser of one answer.
#[derive(Debug)]
pub struct AnswerParser {
    grammar: &'static Grammar,
    state: State,
    /// The end of the text so far, where a marker may have begun.
    held: String,
    /// Newlines before `held`. They are dropped if reasoning ends or a call begins after them.
    newlines: usize,
    /// Calls so far.
    calls: usize,
}

impl AnswerParser {
    pub(super) fn new(grammar: &'static Grammar, has_reasoning: bool, in_reasoning: bool) -> Self {
        let state = if in_reasoning {
            State::Reasoning { drops_newlines: true }
        } else if has_reasoning || grammar.bare.is_some() {
            State::Start { may_think: has_reasoning, drops_newlines: false }
        } else {
            State::Text { drops_newlines: false }
        };
        Self { grammar, state, held: String::new(), newlines: 0, calls: 0 }
    }

    /// Reads the next piece of the text and appends the parts that are certain to `parts`.
    ///
    /// Adjacent parts of one kind are one part within a push.
    pub fn push(&mut self, piece: &str, parts: &mut Vec<AnswerPart>) {
        if piece.is_empty() {
            return;
        }
        if let Some(part) = self.plain_part(piece) {
            parts.push(part);
            return;
        }
        let mut sink = PartSink::new(parts, &mut self.calls);
        let mut reader =
            Reader { grammar: self.grammar, state: &mut self.state, newlines: &mut self.newlines };
        if self.held.is_empty() {
            let read = reader.read(piece, &mut sink);
            self.held.push_str(&piece[read..]);
        } else {
            self.held.push_str(piece);
            let read = reader.read(&self.held, &mut sink);
            self.held.drain(..read);
        }
    }

    /// Delivers what was held back. The answer is complete.
    pub fn finish(&mut self, parts: &mut Vec<AnswerPart>) {
        let mut sink = PartSink::new(parts, &mut self.calls);
        let end = State::Text { drops_newlines: false };
        match std::mem::replace(&mut self.state, end) {
            State::Reasoning { .. } => sink.reasoning(&self.held),
            State::Start { drops_newlines, .. } => {
                sink.text(without_newlines(&self.held, drops_newlines));
            }
            State::Text { .. } => {
                sink.text(&"\n".repeat(self.newlines));
                sink.text(&self.held);
            }
            State::Choices { read, after_call, .. } => {
                sink.text(without_newlines(&read, after_call));
                sink.text(&self.held);
            }
            State::Call { call, .. } => {
                call.finish(&mut sink);
                sink.text(&self.held);
            }
        }
        self.newlines = 0;
        self.held.clear();
    }

    /// Returns the piece as a part if no marker is in it or can begin in it.
    fn plain_part(&self, piece: &str) -> Option<AnswerPart> {
        let (markers, part): (&[Choice], fn(String) -> AnswerPart) = match self.state {
            State::Text { drops_newlines: false } => (self.grammar.markers, AnswerPart::Text),
            State::Reasoning { drops_newlines: false } => (&THINK_END, AnswerPart::Reasoning),
            _ => return None,
        };
        let is_plain = markers.is_empty()
            || self.held.is_empty()
                && self.newlines == 0
                && !piece.ends_with('\n')
                && markers::has_none(piece, markers);
        is_plain.then(|| part(piece.to_owned()))
    }
}
