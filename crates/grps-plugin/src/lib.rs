//! The C ABI of GRPS for native code in the process of a service. The header is
//! `sdk/cpp/include/grps/monitor.h`. What else needs `unsafe` is here as well.

pub mod lent_memory;
pub mod monitor;
pub mod process;
