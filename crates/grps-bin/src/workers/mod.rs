//! Worker processes, each of which runs one instance of a model with `isolation: process`: what the
//! server does about them, and the worker itself, which is this program again. They are the twins
//! of `grps/server/models/process_instance.py` and of `grps/server/worker`.

mod child;
mod control;
mod exit;
mod last_lines;
mod messages;
mod process_instance;
mod served_queue;
mod starter;
mod worker;
mod worker_log;

pub(crate) use process_instance::ProcessInstance;
pub(crate) use served_queue::ServedQueue;
pub(crate) use starter::{WorkerCopy, WorkerStarter};
pub(crate) use worker::run_worker;
