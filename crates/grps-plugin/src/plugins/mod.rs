//! Plugins: shared libraries whose inferers run models behind `sdk/cpp/include/grps/plugin.h`.
//!
//! [`Library::open`] loads and checks a plugin; [`Library::loader`] returns what a native instance
//! creates its copy by. ARCHITECTURE.md says why the interface is as it is.

mod abi;
mod aligned;
mod args;
mod batch_run;
mod call_run;
mod failure;
mod functions;
mod host;
mod http;
mod inferer;
mod library;
mod outputs;
mod signature;
mod user_data;
mod view;

pub use inferer::{InfererSettings, SettingsError};
pub use library::{Library, PluginError};
pub use signature::{PluginSignature, PluginTensor};
