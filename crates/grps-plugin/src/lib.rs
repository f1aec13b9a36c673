//! The C ABI of GRPS for native code in the process of a service. The header is
//! `sdk/cpp/include/grps/monitor.h`.

pub mod lent_memory;
pub mod monitor;
