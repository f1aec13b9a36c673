//! The REST interface under `/grps/v1/`.

mod body;
mod deadline;
mod health;
mod metadata;
mod predict;
mod query;
mod respond;
mod routes;

pub(crate) use body::{TimedBody, collect};
pub(crate) use routes::answer;
