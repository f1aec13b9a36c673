//! Strings that end a generation, found across the pieces of its text.

use std::sync::Arc;

use crate::error::TextError;
use crate::stop_automaton::StopAutomaton;

/// Most stop strings that a request may have.
pub const MAX_STOP_STRINGS: usize = 16;

/// Most bytes that a stop string may have.
pub const MAX_STOP_BYTES: usize = 256;

/// What a piece of text leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopStep<'a> {
    /// Text that may be sent; it may be empty.
    pub text: &'a str,
    /// Position of the stop string that was found, among those of the request. The generation has
    /// ended: later pieces add no text.
    pub matched: Option<usize>,
}

/// The stop strings of a request and where one of its texts stands.
///
/// The match that ends first is found: the one that is complete with the fewest bytes of text, so
/// that a generation ends at once. Of several that end at the same byte it is the longest. How the
/// text is divided into pieces makes no difference. The time needed is linear in the text.
///
/// A clone shares the automaton; clone it before the first piece for each choice of a request.
#[derive(Clone, Debug)]
pub struct StopStrings {
    automaton: Arc<StopAutomaton>,
    /// The strings themselves.
    strings: Arc<[Box<str>]>,
    /// The stop string is part of the text.
    include: bool,
    state: u32,
    matched: Option<usize>,
    /// Text of the latest step, of which the first `sent` bytes were returned.
    buffer: String,
    sent: usize,
}

impl StopStrings {
    /// Takes the stop strings of a request, none being allowed. With `include` the one that is
    /// found is sent too.
    ///
    /// # Errors
    ///
    /// More than [`MAX_STOP_STRINGS`], or one that is empty or longer than [`MAX_STOP_BYTES`].
    pub fn new(strings: &[impl AsRef<str>], include: bool) -> Result<Self, TextError> {
        if strings.len() > MAX_STOP_STRINGS {
            let (count, limit) = (strings.len(), MAX_STOP_STRINGS);
            return Err(TextError::TooManyStopStrings { count, limit });
        }
        for (index, string) in strings.iter().enumerate() {
            match string.as_ref().len() {
                0 => return Err(TextError::EmptyStopString { index }),
                1..=MAX_STOP_BYTES => {}
                bytes => {
                    let limit = MAX_STOP_BYTES;
                    return Err(TextError::StopStringTooLong { index, bytes, limit });
                }
            }
        }
        let automaton = Arc::new(StopAutomaton::new(strings));
        let strings = strings.iter().map(|string| string.as_ref().into()).collect();
        let buffer = String::new();
        Ok(Self { automaton, strings, include, state: 0, matched: None, buffer, sent: 0 })
    }

    /// One of the stop strings, by its position.
    #[must_use]
    pub fn string(&self, position: usize) -> Option<&str> {
        self.strings.get(position).map(AsRef::as_ref)
    }

    /// Takes the next piece of the text and returns what may be sent.
    pub fn push<'a>(&'a mut self, text: &'a str) -> StopStep<'a> {
        if self.matched.is_some() {
            return StopStep { text: "", matched: self.matched };
        }
        if self.state == 0 && self.automaton.is_absent(text) {
            self.buffer.clear();
            self.sent = 0;
            return StopStep { text, matched: None };
        }
        self.buffer.drain(..self.sent);
        let held = self.buffer.len();
        self.buffer.push_str(text);
        self.sent = self.read_from(held);
        StopStep { text: &self.buffer[..self.sent], matched: self.matched }
    }

    /// Reads the buffer from a position and returns how much of it may be sent.
    fn read_from(&mut self, position: usize) -> usize {
        for end in position + 1..=self.buffer.len() {
            self.state = self.automaton.step(self.state, self.buffer.as_bytes()[end - 1]);
            if let Some(found) = self.automaton.matched(self.state) {
                self.matched = Some(found.pattern);
                return if self.include { end } else { end - found.bytes };
            }
        }
        self.buffer.len() - self.automaton.depth(self.state) as usize
    }

    /// Ends the text and returns what was held back and turned out to be no stop string. The next
    /// push begins another text.
    pub fn finish(&mut self) -> &str {
        let rest = if self.matched.is_some() { self.buffer.len() } else { self.sent };
        self.buffer.drain(..rest);
        self.sent = self.buffer.len();
        self.state = 0;
        self.matched = None;
        &self.buffer
    }
}
