//! There is no code: see Cargo.toml.
