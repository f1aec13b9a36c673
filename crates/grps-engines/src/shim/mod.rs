//! Engines with a C++ interface, each behind a shim that is built for its installed version
//! (`sdk/cpp/engines`).
//!
//! An engine has one static [`Shim`]; a copy of a model that it opens is a [`ShimInferer`].

mod inferer;
mod library;

pub(crate) use inferer::ShimInferer;
pub(crate) use library::Shim;
