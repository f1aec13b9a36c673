//! Brings content into the form and order that a model takes.

use crate::error::{Cause, Error};
use crate::models::model::Model;
use crate::request::content::{Content, ContentAdapter};

/// Brings content, a client's or the output of the model before it, into the form and order that a
/// model takes.
///
/// # Errors
/// Why it does not fit.
pub(crate) fn fit(
    adapter: &dyn ContentAdapter,
    model: &Model,
    content: Content,
    is_output: bool,
) -> Result<Content, Error> {
    if model.takes_tensors_too() && matches!(content, Content::Tensors(_)) {
        return Ok(content);
    }
    // An output of a type that messages lack is the fault of the model before.
    let is_fault_of_model = is_output && matches!(content, Content::Tensors(_));
    let adapted = adapter.adapt(content, model.spec().form);
    let content = adapted.map_err(|error| match error.cause() {
        Cause::InvalidArgument if is_fault_of_model => {
            Error::new(Cause::ModelFailed, error.message())
        }
        _ => error,
    })?;
    match (content, &model.spec().signature) {
        (Content::Tensors(tensors), Some(signature)) if is_output => {
            signature.arrange_outputs(model.key(), tensors).map(Content::Tensors)
        }
        (Content::Tensors(tensors), Some(signature)) => {
            signature.arrange(model.key(), tensors).map(Content::Tensors)
        }
        (content, _) => Ok(content),
    }
}
