//! What Python instances hold: the channel, batches, requests, tensors.

pub(crate) mod batch;
pub(crate) mod channel;
pub(crate) mod current;
pub(crate) mod entry;
pub(crate) mod exchange;
pub(crate) mod heartbeat;
pub(crate) mod native_engine;
pub(crate) mod plugin;
pub(crate) mod steps;
pub(crate) mod tensor;
pub(crate) mod thread_scaler;
pub(crate) mod worker;
pub(crate) mod worker_copy;
