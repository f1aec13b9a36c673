//! Tokens of language models, which are counted for the caller and use its limit of a minute.

use std::sync::Arc;

use grps_core::{Content, Error, PROMPT_INPUT, Route, TOKEN_OUTPUT};

use crate::auth::identity::Identity;
use crate::call::call::Call;

/// The tokens of one request; without a known caller nothing is counted.
pub(crate) struct TokenCharge(Option<Arc<Identity>>);

impl TokenCharge {
    /// Uses the tokens of a prompt.
    ///
    /// # Errors
    /// `RateLimited` if the caller has not so many left, `InvalidArgument` if it never has.
    pub(crate) fn begin(call: &Call, prompt_tokens: usize) -> Result<Self, Error> {
        let caller = call.scope.caller();
        if let Some(caller) = caller {
            caller.take_prompt(u64::try_from(prompt_tokens).unwrap_or(u64::MAX))?;
        }
        Ok(Self(caller.cloned()))
    }

    /// Uses the tokens of a prompt that came as a tensor, if the model is a language model.
    ///
    /// # Errors
    /// See [`TokenCharge::begin`].
    pub(crate) fn of_input(call: &Call, route: &Route, input: &Content) -> Result<Self, Error> {
        match route.models() {
            [model] if model.spec().language.is_some() => {
                Self::begin(call, input.element_count(PROMPT_INPUT))
            }
            _ => Ok(Self(None)),
        }
    }

    /// Uses tokens that were generated.
    pub(crate) fn add(&self, tokens: usize) {
        if let Some(caller) = &self.0 {
            caller.charge_generated(u64::try_from(tokens).unwrap_or(u64::MAX));
        }
    }

    /// Uses the tokens of an output.
    pub(crate) fn add_output(&self, output: &Content) {
        if self.0.is_some() {
            self.add(output.element_count(TOKEN_OUTPUT));
        }
    }
}
