//! What becomes of texts that are too long, as vLLM has it.

use crate::error::ApiError;
use crate::reading::Fields;

/// What becomes of a text with more tokens than are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truncation {
    /// It is refused.
    Refuse,
    /// Its first tokens are taken, as many as the model takes.
    ToModel,
    /// Its first tokens are taken, so many with the special ones.
    To(usize),
}

impl Truncation {
    pub(crate) fn read(fields: &mut Fields) -> Result<Self, ApiError> {
        const NAME: &str = "truncate_prompt_tokens";
        match fields.integer(NAME, -1..=i64::from(u32::MAX))? {
            None => Ok(Self::Refuse),
            Some(-1) => Ok(Self::ToModel),
            Some(0) => Err(fields.invalid(NAME, format!("'{NAME}' must be -1, or 1 or more."))),
            Some(most) => Ok(Self::To(usize::try_from(most).unwrap_or(usize::MAX))),
        }
    }
}
