//! A decoder of the `tokenizers` crate as steps that take one token at a time.
//!
//! `tokenizers` decodes all tokens of a sequence at once. Each of its decoders either rewrites
//! tokens ([`TokenStage`]) or joins them; what is done to the joined text is [`Joining`]. A
//! [`Plan`] says which of these a tokenizer has, [`DecodingState`] is where a sequence stands.

#[cfg(test)]
mod chain_tests;
mod joined_text;
mod plan;
mod state;
mod token_stage;

pub(crate) use plan::Plan;
pub(crate) use state::DecodingState;
pub(crate) use token_stage::run_byte;
