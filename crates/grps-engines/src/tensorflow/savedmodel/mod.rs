//! The contents of a SavedModel: its graphs by their tags, and the signatures of each; as
//! `grps/backends/tensorflow/savedmodel.py`.

mod choice;
mod graphs;
mod message;
mod natural;

pub(super) use choice::{Chosen, choose_signature};
pub(super) use graphs::TensorInfo;
