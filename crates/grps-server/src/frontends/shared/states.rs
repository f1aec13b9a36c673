//! What front ends remember between requests, apart for each service.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

/// One value of each type that a front end has asked for.
#[derive(Debug, Default)]
pub(crate) struct FrontEndStates(RwLock<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl FrontEndStates {
    /// The value of a type, which is created when it is asked for the first time.
    pub(crate) fn get<T: Any + Default + Send + Sync>(&self) -> Arc<T> {
        let key = TypeId::of::<T>();
        let known = self.0.read().get(&key).map(Arc::clone);
        let value = known.unwrap_or_else(|| {
            let mut states = self.0.write();
            Arc::clone(states.entry(key).or_insert_with(|| Arc::<T>::default()))
        });
        // The type of a value is its key.
        value.downcast().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

    use super::*;

    #[test]
    fn there_is_one_value_of_each_type() {
        let states = FrontEndStates::default();
        states.get::<AtomicU32>().store(7, Ordering::Relaxed);
        assert_eq!(states.get::<AtomicU32>().load(Ordering::Relaxed), 7);
        assert_eq!(states.get::<AtomicU64>().load(Ordering::Relaxed), 0);
    }
}
