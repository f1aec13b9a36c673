//! Parsers of generated text.

mod answer_format;
mod answer_parser;
mod call;
mod function_tags;
mod grammar;
mod json_value;
mod keyed_call;
mod markers;
mod named_call;
mod part_sink;
mod reader;
#[cfg(test)]
mod tests;

pub use answer_format::{AnswerFormat, ToolFormat};
pub use answer_parser::AnswerParser;
