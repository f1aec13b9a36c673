//! What the extension module and the server without Python say of how they were built.

mod build_facts;

pub use build_facts::{BUILD, BuildFacts};
