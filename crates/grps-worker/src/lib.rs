//! Instances that run in processes of their own.
//!
//! A [`Link`] is the server's side: a pair of sockets and a page of memory that a worker process
//! inherits. [`Link::serve`] pulls batches from a model's queue and hands them to the worker, one
//! batch at a time, and hands its replies to the clients. Small bodies travel inside a packet, large
//! ones as a sealed file in memory whose descriptor goes with the packet. Everything that comes back
//! is checked before it is used: a worker can fail its requests, not the server.
//!
//! [`Link::serve_steps`] does the same for a step model: one packet goes there with what a step does,
//! and one comes back with what it made.
//!
//! A [`WorkerChannel`] is the worker's side for native code, as `grps/server/worker/channel.py` is
//! for Python: it is where [`grps_core::run_batches`] pulls from. [`WorkerSteps`] is the same for
//! [`grps_core::run_steps`].

mod body;
mod contents;
mod handover;
mod link;
mod meta;
mod running;
mod serve;
mod server_socket;
mod socket;
mod step_meta;
mod steps;
mod worker_channel;
mod worker_steps;

pub use body::PacketError;
pub use handover::WorkerEnd;
pub use link::Link;
pub use running::Lost;
pub use serve::Served;
pub use steps::LostSteps;
pub use worker_channel::WorkerChannel;
pub use worker_steps::WorkerSteps;
