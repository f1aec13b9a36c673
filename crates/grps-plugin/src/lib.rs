//! The C ABI of GRPS for native code in the process of a service. The headers are in
//! `sdk/cpp/include/grps` and, for engines, in `sdk/cpp/engines`. What else needs `unsafe` is here as well.

pub mod crash;
mod engines;
pub mod lent_memory;
pub mod monitor;
mod plugins;
pub mod process;

pub use engines::{EngineLibrary, EngineModel, EngineSettings};
pub use plugins::{
    DeclaredSlots, InfererSettings, Library, PluginError, PluginSignature, PluginTensor,
    SettingsError, StepShape,
};
