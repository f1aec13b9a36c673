//! Plugins: shared libraries whose inferers run models behind `sdk/cpp/include/grps/plugin.h`.
//!
//! [`Library::open`] loads and checks a plugin; [`Library::loader`] returns what a native instance
//! creates its copy by. ARCHITECTURE.md says why the interface is as it is.

pub(crate) mod abi;
mod aligned;
pub(crate) mod args;
mod batch_run;
mod call_run;
mod copy;
pub(crate) mod failure;
mod functions;
pub(crate) mod host;
mod http;
mod inferer;
mod library;
pub(crate) mod outputs;
mod signature;
mod steps;
mod user_data;
pub(crate) mod view;

pub use copy::{InfererSettings, SettingsError};
pub(crate) use library::load_fault;
pub use library::{Library, PluginError};
pub use signature::{PluginSignature, PluginTensor};
pub use steps::{DeclaredSlots, StepShape};
