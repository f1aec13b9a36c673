//! Text whose writing costs fuel.

use minijinja::{Error, ErrorKind, State, Value};

/// Bytes that cost one unit of fuel.
const BYTES_PER_FUEL: usize = 4;
/// Bytes that are written before they are charged.
const BYTES_PER_CHARGE: usize = 1024;
/// Deepest value that is written; deeper ones have no use in prompts.
const MAX_DEPTH: usize = 128;

/// A text that is built from values. A value may contain another many times, so a short template
/// could write a long text.
pub(crate) struct MeteredText<'a, 'b, 'c> {
    state: &'a State<'b, 'c>,
    pub(crate) text: String,
    /// Bytes of `text` that fuel was taken for.
    charged: usize,
}

impl<'a, 'b, 'c> MeteredText<'a, 'b, 'c> {
    pub(crate) fn new(state: &'a State<'b, 'c>) -> Self {
        Self { state, text: String::new(), charged: 0 }
    }

    /// Begins a value at a depth, and takes the fuel for what was written before.
    ///
    /// # Errors
    /// It is too deep, or there is no fuel left.
    pub(crate) fn enter(&mut self, depth: usize) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            let message = format!("a value has more than {MAX_DEPTH} levels");
            return Err(Error::new(ErrorKind::InvalidOperation, message));
        }
        if self.text.len() - self.charged >= BYTES_PER_CHARGE { self.charge() } else { Ok(()) }
    }

    /// The text, for all of which fuel was taken.
    ///
    /// # Errors
    /// There is no fuel left.
    pub(crate) fn finish(mut self) -> Result<String, Error> {
        self.charge()?;
        Ok(self.text)
    }

    fn charge(&mut self) -> Result<(), Error> {
        let open = self.text.len() - self.charged;
        self.charged = self.text.len();
        self.state.consume_fuel((open / BYTES_PER_FUEL) as u64)
    }
}

/// A number, with `fraction` for one that has a fraction.
pub(crate) fn number_text(value: &Value, fraction: fn(f64) -> String) -> String {
    match f64::try_from(value.clone()) {
        Ok(number) if !value.is_integer() => fraction(number),
        _ => value.to_string(),
    }
}
