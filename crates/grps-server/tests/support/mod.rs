//! Shared parts of the codec's tests.

pub(crate) mod arbitrary;
pub(crate) mod reference;
