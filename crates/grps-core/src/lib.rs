//! The engine of GRPS, free of HTTP and of Python.
//!
//! A request enters through [`Engine::infer`], which admits it, walks the graph and puts an
//! [`Entry`] into the queue of each model on the way. Instances, such as Python threads, pull entries
//! from a [`Queue`] and answer through the reply channel the entry carries.

mod admission;
mod batching;
mod budget;
mod content;
mod elements;
mod engine;
mod error;
pub mod graph;
mod health;
pub mod metrics;
mod model;
mod nanos;
mod native;
mod pace;
mod puller;
mod queue;
mod registry;
mod reply;
mod request;
mod roster;
mod routes;
mod signature;
mod stream;
mod tensor;
mod timeline;
mod trace_context;
mod turns;
mod values;

pub use admission::{Admission, Permit};
pub use batching::{
    Batch, BatchCounts, BatchPolicy, CutRows, Joined, Padding, Parts, Reason, Wait,
};
pub use budget::{Account, Budget};
pub use content::{Content, ContentAdapter, InputForm};
pub use engine::{Engine, Limits};
pub use error::{Cause, Error};
pub use health::{Health, Readiness};
pub use model::{Model, ModelSpec, NodeStats, RawBody};
pub use native::{Identity, NativeInferer};
pub use puller::{Pulled, Puller, Stopper};
pub use queue::{Entry, Pressure, Queue};
pub use registry::Registry;
pub use reply::{Reply, ReplyReceiver, ReplySender, reply_channel};
pub use request::{Attachment, Left, Request, Session, Terms};
pub use roster::Pulse;
pub use routes::Route;
pub use signature::{Naming, Signature, TensorSpec};
pub use stream::{ChunkSender, Chunks};
pub use tensor::{DataType, MAX_RANK, Tensor};
pub use timeline::{BatchNote, CallNote, CallTimes, Marks, Steps, Timeline};
pub use trace_context::{TraceContext, TraceParent};
pub use values::Values;
