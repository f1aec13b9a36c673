//! Wire bytes to tensors and back.

mod adapter;
pub(crate) mod fault;
pub mod json;
mod message;
pub mod proto;
pub mod raw;
mod room;
mod wire_tensor;
mod wire_type;

pub use adapter::Codec;
pub(crate) use fault::Fault;
pub use message::{Data, GrpsMessage, MapData, Outcome, Status};
pub use room::{Reserve, Room};
pub use wire_tensor::{MAX_TENSORS, WireShape, WireTensor};
pub use wire_type::WireType;
