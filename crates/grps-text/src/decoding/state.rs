//! Where a sequence stands in the plan of its vocabulary.

use super::joined_text::JoinedText;
use super::token_stage::{StageState, end_run, run_byte};
use crate::token_table::TokenContent;
use crate::vocabulary::Vocabulary;

/// What is kept of the tokens so far.
#[derive(Debug)]
pub(crate) struct DecodingState {
    /// One for each stage; used without a table.
    stages: Vec<StageState>,
    /// The text after the stages.
    joined: JoinedText,
    /// Bytes of a run that has not ended; used with a table.
    run: Vec<u8>,
    /// The next token has to be decoded as the first of its sequence.
    first: bool,
}

impl DecodingState {
    /// The beginning of a sequence.
    pub(crate) fn new(vocabulary: &Vocabulary) -> Self {
        let plan = vocabulary.plan();
        Self {
            stages: plan.stages.iter().map(|_| StageState::default()).collect(),
            joined: JoinedText::new(&plan.joining),
            run: Vec::new(),
            first: plan.first_differs(),
        }
    }

    /// Takes a token and returns the text that became certain.
    pub(crate) fn push<'a>(
        &'a mut self,
        vocabulary: &'a Vocabulary,
        id: u32,
        skip_special_tokens: bool,
    ) -> &'a str {
        let content = match vocabulary.table().get(id) {
            Some((content, special)) if !(special && skip_special_tokens) => content,
            _ => return "",
        };
        let plan = vocabulary.plan();
        self.joined.certain.clear();
        if !plan.by_table {
            self.push_staged(vocabulary, id);
            return &self.joined.certain;
        }
        if self.first {
            self.first = false;
            let token = vocabulary.token(id).unwrap_or_default();
            let token = plan.rewrite(token, true);
            match run_byte(&token).filter(|_| plan.has_byte_fallback()) {
                Some(byte) => self.run.push(byte),
                None => self.joined.push_token(&plan.joining, token),
            }
            return &self.joined.certain;
        }
        match content {
            TokenContent::Text(text) if self.run.is_empty() && self.joined.is_empty() => text,
            content => {
                self.push_content(vocabulary, content);
                &self.joined.certain
            }
        }
    }

    fn push_content(&mut self, vocabulary: &Vocabulary, content: TokenContent<'_>) {
        let joining = &vocabulary.plan().joining;
        match content {
            TokenContent::RunByte(byte) => self.run.push(byte),
            TokenContent::Bytes(bytes) => self.joined.push_bytes(bytes),
            TokenContent::Text(text) => {
                for token in end_run(&mut self.run) {
                    self.joined.push_text(joining, &token);
                }
                self.joined.push_text(joining, text);
            }
        }
    }

    fn push_staged(&mut self, vocabulary: &Vocabulary, id: u32) {
        let plan = vocabulary.plan();
        let mut tokens = vec![vocabulary.token(id).unwrap_or_default().to_owned()];
        for (stage, state) in plan.stages.iter().zip(&mut self.stages) {
            let mut next = Vec::new();
            tokens.drain(..).for_each(|token| stage.push(state, token, &mut next));
            tokens = next;
        }
        tokens.drain(..).for_each(|token| self.joined.push_token(&plan.joining, token));
    }

    /// Ends the sequence: returns the text that was held back. The next one may begin.
    pub(crate) fn finish(&mut self, vocabulary: &Vocabulary) -> &str {
        let plan = vocabulary.plan();
        self.joined.certain.clear();
        for token in end_run(&mut self.run) {
            self.joined.push_text(&plan.joining, &token);
        }
        let mut tokens = Vec::new();
        for (stage, state) in plan.stages.iter().zip(&mut self.stages) {
            let mut next = Vec::new();
            tokens.drain(..).for_each(|token| stage.push(state, token, &mut next));
            stage.finish(state, &mut next);
            tokens = next;
        }
        tokens.drain(..).for_each(|token| self.joined.push_token(&plan.joining, token));
        self.joined.finish(&plan.joining);
        self.first = plan.first_differs();
        &self.joined.certain
    }
}
