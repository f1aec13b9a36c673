//! How a model writes reasoning and calls of tools.

use super::answer_parser::AnswerParser;
use super::grammar::{DEEPSEEK, Grammar, HERMES, LLAMA, MISTRAL, NO_CALLS, QWEN_CODER};

/// How a model writes calls of tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolFormat {
    /// `<tool_call>{"name": …, "arguments": {…}}</tool_call>`, of Hermes, Qwen 2.5 and Qwen 3.
    Hermes,
    /// `<tool_call><function=…><parameter=…>…</parameter></function></tool_call>`, of Qwen3-Coder.
    QwenCoder,
    /// `{"name": …, "parameters": {…}}`, possibly after `<|python_tag|>`, of Llama 3.
    Llama,
    /// `[TOOL_CALLS]`, then a JSON list, or names with `[ARGS]` and objects, of Mistral.
    Mistral,
    /// `<｜tool▁calls▁begin｜>` and so on, of DeepSeek.
    DeepSeek,
}

/// The format of a model's answers, known from its chat template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerFormat {
    tools: Option<ToolFormat>,
    has_reasoning: bool,
}

impl AnswerFormat {
    /// Chooses the format by the markers in the Jinja source of a chat template.
    #[must_use]
    pub fn of_template(source: &str) -> Self {
        Self {
            tools: tool_format(source),
            has_reasoning: source.contains("<think>") || source.contains("</think>"),
        }
    }

    /// How the model writes calls of tools, if its template knows any.
    #[must_use]
    pub fn tools(&self) -> Option<ToolFormat> {
        self.tools
    }

    /// Whether the model may write reasoning between `<think>` and `</think>`.
    #[must_use]
    pub fn has_reasoning(&self) -> bool {
        self.has_reasoning
    }

    /// Returns the parser of one answer.
    ///
    /// The end of `prompt` shows whether the answer begins within reasoning. Calls are looked for
    /// if the request has `tools`. A call of an unknown tool is delivered too, so the names do
    /// not matter.
    #[must_use]
    pub fn parser(&self, prompt: &str, tools: &[&str]) -> AnswerParser {
        let grammar = if tools.is_empty() { &NO_CALLS } else { self.grammar() };
        let in_reasoning = self.has_reasoning && prompt.trim_end().ends_with("<think>");
        AnswerParser::new(grammar, self.has_reasoning, in_reasoning)
    }

    fn grammar(&self) -> &'static Grammar {
        match self.tools {
            None => &NO_CALLS,
            Some(ToolFormat::Hermes) => &HERMES,
            Some(ToolFormat::QwenCoder) => &QWEN_CODER,
            Some(ToolFormat::Llama) => &LLAMA,
            Some(ToolFormat::Mistral) => &MISTRAL,
            Some(ToolFormat::DeepSeek) => &DEEPSEEK,
        }
    }
}

fn tool_format(source: &str) -> Option<ToolFormat> {
    // The first marker that is found decides: some templates have those of others in examples.
    const MARKERS: [(&str, ToolFormat); 7] = [
        ("tool▁calls▁begin", ToolFormat::DeepSeek),
        ("[TOOL_CALLS]", ToolFormat::Mistral),
        ("<|python_tag|>", ToolFormat::Llama),
        ("<function=", ToolFormat::QwenCoder),
        ("<tool_call>", ToolFormat::Hermes),
        ("\"parameters\"", ToolFormat::Llama),
        ("\\\"parameters\\\"", ToolFormat::Llama),
    ];
    MARKERS.iter().find(|(marker, _)| source.contains(marker)).map(|(_, format)| *format)
}
