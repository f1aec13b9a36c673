//! The C ABI of GRPS: what native code in a service's process may call. Its header is
//! `sdk/cpp/include/grps/monitor.h`.

pub mod lent_memory;
pub mod monitor;
