//! What a generated text consists of.

/// A part of an answer, as it becomes certain while its text is generated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerPart {
    /// More of the text that is for the reader.
    Text(String),
    /// More of what the model thinks before it answers.
    Reasoning(String),
    /// A call of a tool begins.
    ToolCall {
        /// Position among the calls of the answer, from 0.
        index: usize,
        /// The name of the tool.
        name: String,
    },
    /// More of the arguments of a call, which are JSON as a whole.
    ToolArguments {
        /// Position among the calls of the answer, from 0.
        index: usize,
        /// A piece of the JSON text.
        json: String,
    },
}
