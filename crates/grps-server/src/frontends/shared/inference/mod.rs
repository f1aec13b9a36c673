//! What front ends of tensor protocols share: the head of a request, models by name and version,
//! inputs in the form that a route takes, and the tensors of any output.

pub(crate) mod content;
pub(crate) mod lookup;
pub(crate) mod output_content;
pub(crate) mod request_head;
pub(crate) mod unique_names;
