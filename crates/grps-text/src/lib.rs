//! Text out of tokens while they are generated.
//!
//! A [`Vocabulary`] is loaded once per model. Each sequence has a [`Detokenizer`], which returns
//! the text that became certain with a token, and [`StopStrings`] where its request has some. The
//! loop that generates tokens pushes each token through both:
//!
//! ```
//! # use std::sync::Arc;
//! # use grps_text::{Detokenizer, StopStrings, TextError, Vocabulary};
//! # fn stream(vocabulary: Arc<Vocabulary>, tokens: &[u32]) -> Result<String, TextError> {
//! let mut detokenizer = Detokenizer::new(vocabulary, true);
//! let mut stop_strings = StopStrings::new(&["\nUser:"], false)?;
//! let mut sent = String::new();
//! for &token in tokens {
//!     let step = stop_strings.push(detokenizer.push(token));
//!     sent.push_str(step.text);
//!     if step.matched.is_some() {
//!         return Ok(sent);
//!     }
//! }
//! sent.push_str(stop_strings.push(detokenizer.finish()).text);
//! sent.push_str(stop_strings.finish());
//! # Ok(sent)
//! # }
//! ```
//!
//! Everything is by value or behind an `Arc`; nothing blocks and nothing is global.

mod byte_level;
mod decoding;
mod detokenizer;
mod error;
mod samples;
mod stop_automaton;
mod stop_strings;
mod token_table;
mod vocabulary;

pub use detokenizer::Detokenizer;
pub use error::TextError;
pub use stop_strings::{MAX_STOP_BYTES, MAX_STOP_STRINGS, StopStep, StopStrings};
pub use vocabulary::{MAX_FILE_BYTES, MAX_TOKEN_ID, Vocabulary};
