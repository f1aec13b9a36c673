//! The tools of a request: what the prompt shows of them, and how a call is brought about.

use grps_chat::{CallGuide, ToolChoice as Choice};
use grps_openai::{ApiError, Generation, Tool, ToolChoice};
use serde_json::Value;

use crate::call::call::Call;
use crate::frontends::openai::errors::Fault;
use crate::frontends::openai::language::Language;

/// The tools of a request.
#[derive(Debug, Default)]
pub(super) struct Tools {
    /// Those that the prompt shows.
    pub(super) shown: Vec<Value>,
    /// Their names.
    pub(super) names: Vec<String>,
    /// How generation is guided to a call; `None` when the model decides.
    pub(super) guide: Option<CallGuide>,
}

impl Tools {
    /// The tools that a request permits.
    ///
    /// # Errors
    /// It requires a call, and the model has no form of calls.
    pub(super) fn of(
        call: &Call,
        language: &Language,
        generation: &Generation,
    ) -> Result<Self, Fault> {
        if generation.tools.is_empty() {
            return Ok(Self::default());
        }
        let choice = match &generation.tool_choice {
            ToolChoice::Auto => Choice::Auto,
            ToolChoice::None => Choice::None,
            ToolChoice::Required => Choice::Required,
            ToolChoice::Named(name) => Choice::Named(name.clone()),
        };
        let tools: Vec<Value> = generation.tools.iter().map(Tool::template_value).collect();
        let guide = choice.guide(&language.chat(call)?.format, &tools);
        if guide.is_none() && matches!(choice, Choice::Required | Choice::Named(_)) {
            let message = "The chat template of this model has no form of calls, so that none can \
                           be required.";
            return Err(ApiError::invalid("tool_choice", message).into());
        }
        let shown: Vec<Value> = choice.permitted(&tools).into_iter().cloned().collect();
        let is_shown = |tool: &&Tool| match &generation.tool_choice {
            ToolChoice::None => false,
            ToolChoice::Named(name) => tool.name == *name,
            ToolChoice::Auto | ToolChoice::Required => true,
        };
        let names = generation.tools.iter().filter(is_shown).map(|tool| tool.name.clone());
        Ok(Self { shown, names: names.collect(), guide })
    }
}
