//! The choices of an answer while they are generated.

use std::sync::Arc;
use std::task::{Context, Poll};

use grps_chat::{AnswerParser, AnswerPart, CallGuide};
use grps_core::{Cause, Chunks, Error, StepText};
use grps_openai::{Finish, FinishReason, TokenLogprob};

use crate::call::token_charge::TokenCharge;
use crate::frontends::openai::parts::Piece;

/// The choices of an answer; dropping it cancels them.
pub(super) struct Generating {
    choices: Vec<Choice>,
    /// The choice that is asked first.
    next: usize,
    /// Describes tokens, if their probabilities are wanted.
    logprobs: Option<Arc<dyn StepText>>,
    charge: TokenCharge,
}

/// One choice.
pub(super) struct Choice {
    /// `None` once nothing follows.
    chunks: Option<Chunks>,
    /// Whether its last piece was read.
    has_ended: bool,
    /// Finds calls and reasoning in the text; `None` for a completion.
    parser: Option<AnswerParser>,
    /// What the parser has found before the text.
    found: Vec<AnswerPart>,
    /// What it reads behind the text of a call that was required.
    after: &'static str,
    /// Only the first call is delivered.
    has_one_call: bool,
    tokens: u32,
    reasoning_tokens: u32,
}

/// What happened.
pub(super) struct Event {
    pub(super) choice: usize,
    pub(super) parts: Vec<AnswerPart>,
    pub(super) logprobs: Vec<TokenLogprob>,
    pub(super) finish: Option<Finish>,
}

impl Event {
    /// Text of a choice.
    pub(super) fn of_text(choice: usize, text: String) -> Self {
        let parts = vec![AnswerPart::Text(text)];
        Self { choice, parts, logprobs: Vec::new(), finish: None }
    }
}

impl Generating {
    /// Choices that have begun; tokens are described if their probabilities are wanted.
    pub(super) fn new(
        choices: Vec<Choice>,
        logprobs: Option<Arc<dyn StepText>>,
        charge: TokenCharge,
    ) -> Self {
        Self { choices, next: 0, logprobs, charge }
    }

    /// Waits for what happens next to any choice; `None` once all have ended.
    pub(super) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Event, Error>>> {
        let count = self.choices.len();
        let mut is_running = false;
        for offset in 0..count {
            let index = (self.next + offset) % count;
            let Some(choice) = self.choices.get_mut(index) else { continue };
            while let Some(chunks) = &mut choice.chunks {
                let Poll::Ready(chunk) = chunks.poll_next(context) else {
                    is_running = true;
                    break;
                };
                match choice.take(chunk) {
                    Ok(None) => {}
                    Ok(Some(piece)) => {
                        self.next = (index + 1) % count;
                        self.charge.add(piece.tokens.len());
                        let event = choice.event(index, piece, self.logprobs.as_deref());
                        return Poll::Ready(Some(Ok(event)));
                    }
                    Err(error) => return Poll::Ready(Some(Err(error))),
                }
            }
        }
        if is_running { Poll::Pending } else { Poll::Ready(None) }
    }
}

impl Choice {
    /// A choice that begins, perhaps guided to a call. Of several calls, only the first is delivered
    /// with `has_one_call`.
    pub(super) fn new(
        chunks: Chunks,
        mut parser: Option<AnswerParser>,
        guide: Option<&CallGuide>,
        has_one_call: bool,
    ) -> Self {
        let mut found = Vec::new();
        if let Some((parser, guide)) = parser.as_mut().zip(guide) {
            parser.push(guide.before, &mut found);
        }
        let after = guide.map_or("", |guide| guide.after);
        Self {
            chunks: Some(chunks),
            has_ended: false,
            parser,
            found,
            after,
            has_one_call,
            tokens: 0,
            reasoning_tokens: 0,
        }
    }

    /// What a chunk has; `None` for nothing.
    fn take(
        &mut self,
        chunk: Option<Result<grps_core::Content, Error>>,
    ) -> Result<Option<Piece>, Error> {
        let piece = match chunk {
            // Its call is over with the end of the chunks; one that is dropped before is cancelled.
            Some(_) if self.has_ended => return Ok(None),
            None if self.has_ended => {
                self.chunks = None;
                return Ok(None);
            }
            Some(chunk) => Piece::read(chunk?)?,
            None => {
                let text = "the generation ended before the answer was complete";
                return Err(Error::new(Cause::ModelFailed, text));
            }
        };
        self.has_ended = piece.as_ref().is_some_and(|piece| piece.end.is_some());
        Ok(piece)
    }

    fn event(&mut self, index: usize, piece: Piece, logprobs: Option<&dyn StepText>) -> Event {
        let logprobs = logprobs.map_or_else(Vec::new, |text| piece.token_logprobs(text));
        let count = u32::try_from(piece.tokens.len()).unwrap_or(u32::MAX);
        self.tokens = self.tokens.saturating_add(count);
        let mut parts = std::mem::take(&mut self.found);
        match &mut self.parser {
            Some(parser) => {
                parser.push(&piece.text, &mut parts);
                if piece.end == Some(FinishReason::Stop) {
                    parser.push(self.after, &mut parts);
                }
                if piece.end.is_some() {
                    parser.finish(&mut parts);
                }
            }
            None if piece.text.is_empty() => {}
            None => parts.push(AnswerPart::Text(piece.text)),
        }
        if self.has_one_call {
            parts.retain(|part| !is_of_later_call(part));
        }
        if matches!(parts.last(), Some(AnswerPart::Reasoning(_))) {
            self.reasoning_tokens = self.reasoning_tokens.saturating_add(count);
        }
        let finish = piece.end.map(|reason| self.finish(reason, piece.stop_string));
        Event { choice: index, parts, logprobs, finish }
    }

    fn finish(&self, reason: FinishReason, stop_string: Option<String>) -> Finish {
        Finish {
            reason,
            stop_string,
            completion_tokens: self.tokens,
            reasoning_tokens: self.reasoning_tokens,
        }
    }
}

fn is_of_later_call(part: &AnswerPart) -> bool {
    match part {
        AnswerPart::ToolCall { index, .. } | AnswerPart::ToolArguments { index, .. } => *index > 0,
        AnswerPart::Text(_) | AnswerPart::Reasoning(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use grps_chat::AnswerFormat;

    use super::*;

    /// The names and arguments of the calls of an answer that comes in small pieces.
    fn calls(has_one_call: bool) -> String {
        let text = "<tool_call>{\"name\": \"a\", \"arguments\": {\"x\": 1}}</tool_call>\n\
                    <tool_call>{\"name\": \"b\", \"arguments\": {\"y\": 2}}</tool_call>";
        let parser = AnswerFormat::of_template("<tool_call>").parser("", &["a", "b"]);
        let mut choice = Choice {
            chunks: None,
            has_ended: false,
            parser: Some(parser),
            found: Vec::new(),
            after: "",
            has_one_call,
            tokens: 0,
            reasoning_tokens: 0,
        };
        let mut written = String::new();
        let piece = |text: String, end| {
            let mut piece = Piece::default();
            (piece.text, piece.end) = (text, end);
            piece
        };
        let last = piece(String::new(), Some(FinishReason::Stop));
        let texts = text.chars().map(|character| piece(character.into(), None));
        for piece in texts.chain([last]) {
            for part in choice.event(0, piece, None).parts {
                match part {
                    AnswerPart::ToolCall { name, .. } => written.push_str(&name),
                    AnswerPart::ToolArguments { json, .. } => written.push_str(&json),
                    AnswerPart::Text(_) | AnswerPart::Reasoning(_) => {}
                }
            }
        }
        written
    }

    #[test]
    fn only_the_first_call_is_delivered_if_one_is_wanted() {
        assert_eq!(calls(false), r#"a{"x": 1}b{"y": 2}"#);
        assert_eq!(calls(true), r#"a{"x": 1}"#);
    }
}
