//! The messages of `proto/open_inference.proto`, except those of inference, which `codec` reads and
//! writes.

pub(super) mod config;
pub(super) mod health;
pub(super) mod metadata;
pub(super) mod repository;
pub(super) mod settings;
pub(super) mod shared_memory;
pub(super) mod statistics;

/// A message without fields.
pub(super) type Empty = ();
