//! Text out of tokens while they are generated.
//!
//! A [`Vocabulary`] is loaded once per model. Each sequence has a [`Detokenizer`], which returns
//! the text that became certain with a token, and [`StopStrings`] where its request has some. A
//! [`TextStream`] is both: tokens in, text that may be sent out:
//!
//! ```
//! # use std::sync::Arc;
//! # use grps_text::{Detokenizer, StopStrings, TextError, TextStream, Vocabulary};
//! # fn stream(vocabulary: Arc<Vocabulary>, tokens: &[u32]) -> Result<String, TextError> {
//! let detokenizer = Detokenizer::new(vocabulary, true);
//! let stop_strings = StopStrings::new(&["\nUser:"], false)?;
//! let mut stream = TextStream::new(detokenizer, Some(stop_strings));
//! let mut sent = String::new();
//! for &token in tokens {
//!     if stream.push(token, &mut sent) {
//!         return Ok(sent);
//!     }
//! }
//! stream.finish(&mut sent);
//! # Ok(sent)
//! # }
//! ```
//!
//! [`TokenText`] makes the text of step models of `grps-core` with it.
//!
//! Everything is by value or behind an `Arc`; nothing blocks and nothing is global.

mod byte_level;
mod decoding;
mod detokenizer;
mod encoder;
mod error;
mod logprobs;
mod pair_encoder;
mod samples;
mod stop_automaton;
mod stop_strings;
mod text_stream;
mod token_table;
mod token_text;
mod vocabulary;

pub use detokenizer::Detokenizer;
pub use error::TextError;
pub use logprobs::{Logit, TopLogprobs, top_logprobs};
pub use pair_encoder::{PairEncoder, PairOptions};
pub use stop_strings::{MAX_STOP_BYTES, MAX_STOP_STRINGS, StopStep, StopStrings};
pub use text_stream::TextStream;
pub use token_text::{MAX_TOKENS_INPUT, STOP_INPUT, TokenText, TokenTextOptions, TokenizerSource};
pub use vocabulary::{MAX_FILE_BYTES, MAX_TOKEN_ID, Vocabulary};
