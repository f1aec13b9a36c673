//! Responses of `generate`: a JSON object whose fields are the outputs, whole or as events.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use grps_core::{Content, Error, quoted};

use crate::app::App;
use crate::call::reply_stream::StreamEncoding;
use crate::codec::json::{encode_flat, encode_string};
use crate::frontends::oip::http::failure;
use crate::frontends::oip::http::infer::not_decoded;
use crate::frontends::oip::http::json_response::encode_head;
use crate::frontends::oip::inference::output_content::TEXT;
use crate::frontends::oip::inference::response::{InferResponse, Output, ResponseForm};

/// The field for text of user code.
const TEXT_OUTPUT: &str = "text_output";

/// What the response needs of a request; set when the request is decoded.
pub(super) type SharedForm = Arc<OnceLock<ResponseForm>>;

/// An output of the model as a JSON object.
///
/// # Errors
/// `InvalidArgument` for strings that are not UTF-8; those of the response.
pub(super) fn encode(app: &App, form: &SharedForm, output: Content) -> Result<Vec<u8>, Error> {
    let form = form.get().ok_or_else(not_decoded)?;
    encode_response(&form.respond(app, output)?)
}

fn encode_response(response: &InferResponse<'_>) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    encode_head(&mut out, response);
    for Output { tensor, .. } in &response.outputs {
        out.push(b',');
        encode_string(&mut out, if tensor.name() == TEXT { TEXT_OUTPUT } else { tensor.name() });
        out.push(b':');
        let start = out.len();
        if !encode_flat(&mut out, tensor.elements()) {
            let name = quoted(tensor.name());
            let message = format!("output {name} has strings that are not UTF-8; use infer");
            return Err(Error::invalid(message));
        }
        if tensor.elements().len() == 1 {
            // One element is no list.
            out.pop();
            out.remove(start);
        }
    }
    out.push(b'}');
    Ok(out)
}

/// Encodes chunks as server-sent events.
pub(super) struct Events {
    pub(super) app: Arc<App>,
    pub(super) form: SharedForm,
}

impl StreamEncoding for Events {
    type Chunk = Bytes;

    fn encode(&mut self, chunk: Content) -> Result<Bytes, Error> {
        encode(&self.app, &self.form, chunk).map(|text| event(&text))
    }

    fn encode_failure(&mut self, failure: &Error) -> Bytes {
        event(&failure::text(failure))
    }

    fn length(chunk: &Bytes) -> usize {
        chunk.len()
    }
}

fn event(text: &[u8]) -> Bytes {
    [b"data: ", text, b"\n\n"].concat().into()
}

#[cfg(test)]
mod tests {
    use grps_core::{Tensor, Values};

    use super::*;

    #[test]
    fn one_element_is_no_list() {
        let output = |name: &str, values: Values| {
            let tensor = Tensor::new(name.into(), vec![values.len()], values).unwrap();
            Output { tensor, binary: false, region: None }
        };
        let text = Values::String(vec![Bytes::from_static(b"a\nb")]);
        let outputs = vec![output(TEXT, text), output("n", Values::Int32(vec![1, 2]))];
        let response = InferResponse { model: "m", version: "1", id: "", outputs };
        let text = encode_response(&response).unwrap();
        assert_eq!(
            event(&text),
            "data: {\"model_name\":\"m\",\"model_version\":\"1\",\"text_output\":\"a\\nb\",\
             \"n\":[1,2]}\n\n"
        );
    }
}
