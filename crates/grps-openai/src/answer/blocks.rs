//! The parts of a choice, joined.

use grps_chat::AnswerPart;
use serde_json::{Value, json};

/// Something that follows something else in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    Text(String),
    Reasoning(String),
    Call {
        /// Position among the calls.
        index: usize,
        name: String,
        arguments: String,
    },
}

/// The blocks of a choice, in order. Two texts are two blocks if something is between them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blocks {
    blocks: Vec<Block>,
}

impl Blocks {
    pub(crate) fn text(&mut self, text: &str) {
        match self.blocks.last_mut() {
            _ if text.is_empty() => {}
            Some(Block::Text(block)) => block.push_str(text),
            _ => self.blocks.push(Block::Text(text.to_owned())),
        }
    }

    pub(crate) fn part(&mut self, part: &AnswerPart) {
        match part {
            AnswerPart::Text(text) => self.text(text),
            AnswerPart::Reasoning(text) => match self.blocks.last_mut() {
                _ if text.is_empty() => {}
                Some(Block::Reasoning(block)) => block.push_str(text),
                _ => self.blocks.push(Block::Reasoning(text.clone())),
            },
            AnswerPart::ToolCall { index, name } => {
                let (index, name, arguments) = (*index, name.clone(), String::new());
                self.blocks.push(Block::Call { index, name, arguments });
            }
            AnswerPart::ToolArguments { index, json } => self.arguments(*index, json),
        }
    }

    fn arguments(&mut self, call: usize, json: &str) {
        for block in self.blocks.iter_mut().rev() {
            match block {
                Block::Call { index, arguments, .. } if *index == call => {
                    arguments.push_str(json);
                    return;
                }
                _ => {}
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter()
    }

    pub(crate) fn has_calls(&self) -> bool {
        self.blocks.iter().any(|block| matches!(block, Block::Call { .. }))
    }

    /// All text, without reasoning.
    pub(crate) fn all_text(&self) -> String {
        let texts = self.blocks.iter().filter_map(|block| match block {
            Block::Text(text) => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    /// All reasoning.
    pub(crate) fn all_reasoning(&self) -> String {
        let texts = self.blocks.iter().filter_map(|block| match block {
            Block::Reasoning(text) => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }
}

/// The arguments of a call as an object; empty if they are not complete.
pub(crate) fn arguments_object(arguments: &str) -> Value {
    match serde_json::from_str(arguments) {
        Ok(object @ Value::Object(_)) => object,
        _ => json!({}),
    }
}
