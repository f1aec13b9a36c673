//! The engine of GRPS, free of HTTP and of Python.
//!
//! A request enters through [`Engine::infer`]. The engine admits it, walks the graph and puts an
//! [`Entry`] into the queue of each model. Instances, such as Python threads, pull entries from a
//! [`Queue`] and reply through the channel in the entry.

pub mod compare;
mod engine;
mod error;
pub mod graph;
mod health;
pub mod metrics;
mod models;
mod nanos;
mod request;
mod scheduling;
mod tensor;
mod text;
mod traffic;

pub use engine::{Engine, Limits};
pub use error::{Cause, Error};
pub use health::{Health, Readiness};
pub use models::executor::{Call, Executor, PendingReply, Submission};
pub use models::executors::inline::{Identity, InlineExecutor, InlineInferer};
pub use models::executors::pulled::PulledExecutor;
pub use models::executors::steps::StepsExecutor;
pub use models::language_spec::LanguageSpec;
pub use models::model::{Model, NodeStats};
pub use models::model_spec::{ModelSpec, RawBody};
pub use models::native_instances::back_off::BackOff;
pub use models::native_instances::inferer::{
    BatchSource, Failure, NativeBatch, NativeInferer, NativeRequest, Outputs,
};
pub use models::native_instances::instance::{LoadInferer, NativeInstance};
pub use models::native_instances::nested_calls::NestedCalls;
pub use models::native_instances::run::run_batches;
pub use models::native_instances::step_model::{
    BegunSequence, LoadStepModel, NativeStepModel, Step, StepSource, run_steps,
};
pub use models::registry::Registry;
pub use models::route_query::{Attributes, RouteQuery};
pub use models::routes::Route;
pub use models::text_spec::{TextEncoder, TextNumbers, TextSpec, TextTokens};
pub use models::transcriber_spec::TranscriberSpec;
pub use request::content::{Content, ContentAdapter, InputForm};
pub use request::http_exchange::{HttpExchange, HttpReply, RawHttpRequest};
pub use request::reply::{Reply, ReplyReceiver, ReplySender, reply_channel};
pub use request::request::{Attachment, CarriedState, Request, SchedulingOptions, Session};
pub use request::stream::{ChunkSender, Chunks};
pub use request::timeline::{
    BatchInfo, CallRecord, CallTimes, CallTimings, RemoteRecord, RequestRecord, Timeline,
};
pub use request::trace_context::{TraceContext, TraceParent};
pub use scheduling::admission::{Admission, Permit};
pub use scheduling::batching::{
    AutoPolicy, AutoState, Batch, BatchCounts, BatchPolicy, CutRows, Joined, LearnedSize,
    Objective, Padding, Parts, Reason, Wait,
};
pub use scheduling::byte_budget::{ByteBudget, ByteReservation};
pub use scheduling::entry::Entry;
pub use scheduling::instance_health::Heartbeat;
pub use scheduling::loop_heartbeat::LoopHeartbeat;
pub use scheduling::puller::{Pulled, Puller, Stopper};
pub use scheduling::queue::{Pressure, Queue};
pub use scheduling::queue_ticket::{QueueTicket, WithdrawEntry};
pub use scheduling::running_batch::RunningBatch;
pub use scheduling::running_request::RunningRequest;
pub use scheduling::steps::lost_sequences::LostSequences;
pub use scheduling::steps::plan::{Ended, Plan, StepReason};
pub use scheduling::steps::policy::{Preemption, StepPolicy};
pub use scheduling::steps::sequence::{EndReason, Sequence};
pub use scheduling::steps::step_counts::StepCounts;
pub use scheduling::steps::step_item::{StepItem, StepRequest};
pub use scheduling::steps::step_puller::{StepOutcome, StepPuller, StepStopper};
pub use scheduling::steps::step_queue::StepQueue;
pub use scheduling::steps::text::{
    FINISH_REASON_OUTPUT, PROMPT_INPUT, STOP_STRING_OUTPUT, SequenceText, StepText, TEXT_OUTPUT,
    TOKEN_OUTPUT,
};
pub use tensor::buffer::Buffer;
pub use tensor::dtype::DataType;
pub use tensor::signature::{Naming, Signature, TensorSpec};
pub use tensor::tensor::{MAX_RANK, Shape, Tensor, element_count};
pub use tensor::values::{Elements, Values};
pub use text::{excerpt, quoted, shown};
pub use traffic::{
    Event, Phase, RolloutSpec, RolloutState, ShadowCounts, ShadowSpec, ShadowState, Shed,
    TrafficSpec, TrafficState, Weights,
};
