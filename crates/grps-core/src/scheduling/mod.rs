//! Scheduling: admission, fair queues, model queues, batches, and the instances that pull them.

pub(crate) mod admission;
pub(crate) mod batching;
pub(crate) mod byte_budget;
pub(crate) mod entry;
pub(crate) mod fair_queue;
pub(crate) mod instance_health;
pub(crate) mod loop_heartbeat;
pub(crate) mod puller;
pub(crate) mod queue;
pub(crate) mod queue_ticket;
pub(crate) mod run_times;
pub(crate) mod running_batch;
pub(crate) mod running_request;
pub(crate) mod steps;
