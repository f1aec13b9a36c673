//! Collects the parts of one push.

use crate::AnswerPart;

/// Appends parts to the list of the caller; adjacent parts of one kind become one.
pub(super) struct PartSink<'a> {
    parts: &'a mut Vec<AnswerPart>,
    /// Parts of earlier pushes, which stay as they are.
    first: usize,
    /// Calls of the answer so far, those of earlier pushes included.
    calls: &'a mut usize,
}

impl<'a> PartSink<'a> {
    pub(super) fn new(parts: &'a mut Vec<AnswerPart>, calls: &'a mut usize) -> Self {
        let first = parts.len();
        Self { parts, first, calls }
    }

    pub(super) fn text(&mut self, more: &str) {
        if more.is_empty() {
            return;
        }
        match self.last() {
            Some(AnswerPart::Text(text)) => text.push_str(more),
            _ => self.parts.push(AnswerPart::Text(more.to_owned())),
        }
    }

    pub(super) fn reasoning(&mut self, more: &str) {
        if more.is_empty() {
            return;
        }
        match self.last() {
            Some(AnswerPart::Reasoning(text)) => text.push_str(more),
            _ => self.parts.push(AnswerPart::Reasoning(more.to_owned())),
        }
    }

    /// Begins the next call.
    pub(super) fn call(&mut self, name: String) {
        let index = *self.calls;
        *self.calls += 1;
        self.parts.push(AnswerPart::ToolCall { index, name });
    }

    /// Continues the arguments of the call that began last.
    pub(super) fn arguments(&mut self, more: &str) {
        if more.is_empty() {
            return;
        }
        if let Some(AnswerPart::ToolArguments { json, .. }) = self.last() {
            json.push_str(more);
            return;
        }
        self.parts.push(AnswerPart::ToolArguments {
            index: self.calls.saturating_sub(1),
            json: more.to_owned(),
        });
    }

    fn last(&mut self) -> Option<&mut AnswerPart> {
        self.parts.get_mut(self.first..).and_then(<[_]>::last_mut)
    }
}
