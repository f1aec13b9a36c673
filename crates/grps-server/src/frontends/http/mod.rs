//! The REST interface under `/grps/v1/`.

mod body;
mod custom;
mod deadline;
mod health;
mod logs;
mod media_type;
mod metadata;
mod models;
mod monitor;
mod predict;
mod query;
mod respond;
mod routes;
mod streaming;

pub(crate) use body::{LimitedBody, collect};
pub(crate) use respond::log_failure;
pub(crate) use routes::answer;
