//! Events of `/v1/responses`, which are numbered.

use serde_json::{Map, Value, json};

use super::json_text::{push_escaped, push_event, push_integer};
use super::logprobs::{TokenLogprob, push_token_array};

/// Numbers events.
#[derive(Debug, Default)]
pub(crate) struct ResponseEvents {
    next: usize,
}

impl ResponseEvents {
    /// Appends an event with its fields.
    pub(crate) fn push(&mut self, name: &str, fields: Value, out: &mut Vec<u8>) {
        let mut event = match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        event.insert("type".to_owned(), json!(name));
        event.insert("sequence_number".to_owned(), json!(self.next));
        self.next += 1;
        push_event(out, name, &Value::Object(event));
    }

    /// Appends more text of an item. Written by hand, as it is the event of each token. `place` is
    /// a prepared piece of JSON that says in which item; log probabilities are for text only.
    pub(crate) fn push_delta(
        &mut self,
        name: &str,
        place: &str,
        text: &str,
        logprobs: Option<&[TokenLogprob]>,
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\ndata: {\"type\":\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\",\"sequence_number\":");
        push_integer(out, self.next);
        self.next += 1;
        out.extend_from_slice(place.as_bytes());
        out.extend_from_slice(b",\"delta\":\"");
        push_escaped(out, text);
        out.push(b'"');
        if let Some(tokens) = logprobs {
            out.extend_from_slice(b",\"logprobs\":");
            push_token_array(out, tokens);
        }
        out.extend_from_slice(b"}\n\n");
    }
}
