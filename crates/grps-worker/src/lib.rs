//! The server's side of instances that run in processes of their own.
//!
//! A [`Link`] is a pair of sockets and a page of memory that a worker process inherits.
//! [`Link::serve`] pulls batches from a model's queue, hands them to the worker and its answers to
//! the clients, one batch at a time. Small bodies travel inside a packet, large ones as a sealed
//! file in memory whose descriptor goes with the packet: the worker maps it and computes in place.
//! Whatever comes back is checked before it is used; a worker can fail its requests, not the server.

mod body;
mod link;
mod meta;
mod running;
mod serve;

pub use body::PacketError;
pub use link::Link;
pub use running::Lost;
pub use serve::Served;
