//! Which models call which: an order, so that no two ever wait for each other.

use std::collections::{HashMap, HashSet};

use parking_lot::RwLock;

use crate::error::{Cause, Error};

/// Calls between models, noted as they are first made.
///
/// An instance that calls a model waits for one of its instances. If that model could call back,
/// directly or through others, all instances of both could wait for each other. So a call that
/// closes a circle is refused, whatever request makes it; no chain of calls is then longer than there
/// are models.
#[derive(Debug, Default)]
pub(crate) struct CallOrder {
    /// The models that each model has called.
    called: RwLock<HashMap<Box<str>, HashSet<Box<str>>>>,
}

impl CallOrder {
    /// Notes that one model calls another.
    ///
    /// # Errors
    /// `ModelFailed` when the other calls this one.
    pub(crate) fn note(&self, caller: &str, called: &str) -> Result<(), Error> {
        if self.called.read().get(caller).is_some_and(|known| known.contains(called)) {
            return Ok(());
        }
        let mut all = self.called.write();
        let refused = |text: String| Err(Error::new(Cause::ModelFailed, text));
        if caller == called {
            return refused(format!("model '{caller}' can't call itself: it could wait for ever"));
        }
        if reaches(&all, called, caller) {
            return refused(format!(
                "model '{caller}' can't call '{called}', which calls '{caller}': each could wait \
                 for the other for ever"
            ));
        }
        all.entry(caller.into()).or_default().insert(called.into());
        Ok(())
    }
}

/// Whether a model calls another one, perhaps through others.
fn reaches(called: &HashMap<Box<str>, HashSet<Box<str>>>, from: &str, to: &str) -> bool {
    let mut seen = HashSet::from([from]);
    let mut left = vec![from];
    while let Some(model) = left.pop() {
        for next in called.get(model).into_iter().flatten() {
            if **next == *to {
                return true;
            }
            if seen.insert(next) {
                left.push(next);
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_refused() {
        let order = CallOrder::default();
        assert_eq!(order.note("a", "b"), Ok(()));
        assert_eq!(order.note("b", "c"), Ok(()));
        assert_eq!(order.note("a", "c"), Ok(()));
        assert_eq!(order.note("a", "b"), Ok(()));
        let circle = order.note("c", "a").unwrap_err();
        assert!(circle.message().starts_with("model 'c' can't call 'a', which calls 'c'"));
        let itself = order.note("d", "d").unwrap_err();
        assert!(itself.message().starts_with("model 'd' can't call itself"));
        assert_eq!(order.note("d", "a"), Ok(()));
    }
}
