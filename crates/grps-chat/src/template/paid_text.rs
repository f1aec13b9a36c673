//! Text whose writing costs fuel.

use minijinja::{Error, State};

/// Bytes that cost one unit of fuel.
const BYTES_PER_FUEL: usize = 4;
/// Bytes that are written before they are paid.
const BYTES_PER_PAYMENT: usize = 1024;

/// A text that is built from values. A value may contain another many times, so a short template
/// could write a long text.
pub(crate) struct PaidText<'a, 'b, 'c> {
    state: &'a State<'b, 'c>,
    pub(crate) text: String,
    /// Bytes of `text` that fuel was taken for.
    paid: usize,
}

impl<'a, 'b, 'c> PaidText<'a, 'b, 'c> {
    pub(crate) fn new(state: &'a State<'b, 'c>) -> Self {
        Self { state, text: String::new(), paid: 0 }
    }

    /// Takes the fuel for what was written since the last time.
    pub(crate) fn pay(&mut self) -> Result<(), Error> {
        let open = self.text.len() - self.paid;
        if open >= BYTES_PER_PAYMENT {
            self.paid = self.text.len();
            self.state.consume_fuel((open / BYTES_PER_FUEL) as u64)?;
        }
        Ok(())
    }
}
