//! Placeholder.
use crate::part::AnswerPart;
/// The form of answers.
#[derive(Clone, Debug)]
pub struct AnswerFormat;
/// A parser.
#[derive(Debug)]
pub struct AnswerParser;
impl AnswerFormat {
    /// Of a template.
    pub fn of_template(_source: &str) -> Self {
        Self
    }
    /// A parser.
    pub fn parser(&self, _prompt: &str, _tools: &[&str]) -> AnswerParser {
        AnswerParser
    }
}
impl AnswerParser {
    /// More.
    pub fn push(&mut self, piece: &str, parts: &mut Vec<AnswerPart>) {
        if !piece.is_empty() {
            parts.push(AnswerPart::Text(piece.to_owned()));
        }
    }
    /// End.
    pub fn finish(&mut self, _parts: &mut Vec<AnswerPart>) {}
}
