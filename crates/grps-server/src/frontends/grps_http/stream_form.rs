//! The form of a streamed response: what separates its messages, by the `Accept` header.

use bytes::Bytes;
use grps_core::{Content, Error};
use http::{HeaderMap, HeaderValue, header};

use crate::call::reply_stream::StreamEncoding;
use crate::frontends::grps_http::encode::{
    Encoded, MessageChunks, binary_text, chunk, failure_text,
};

/// The form of a streamed response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum StreamForm {
    /// Messages and bytes one after another without separators, as upstream sends them.
    #[default]
    Joined,
    /// Newline-delimited JSON: a message per line.
    Lines,
    /// Server-sent events: a message per event.
    Events,
}

impl StreamForm {
    /// The form that the client prefers.
    pub(super) fn from_accept(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::ACCEPT).iter();
        let ranges =
            values.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','));
        let mut best = (0.0, Self::default());
        for (quality, form) in ranges.filter_map(parse_range) {
            // The first of the most preferred ones applies.
            if quality > best.0 {
                best = (quality, form);
            }
        }
        best.1
    }

    /// The content type, unless the form has none of its own.
    pub(super) fn content_type(self) -> Option<HeaderValue> {
        match self {
            Self::Joined => None,
            Self::Lines => Some(HeaderValue::from_static("application/x-ndjson")),
            Self::Events => Some(HeaderValue::from_static("text/event-stream; charset=utf-8")),
        }
    }

    /// Separates a message in JSON, which has no line breaks, from the next one.
    fn frame(self, mut text: Vec<u8>) -> Bytes {
        match self {
            Self::Joined => text.into(),
            Self::Lines => {
                text.push(b'\n');
                text.into()
            }
            Self::Events => [b"data: ", &*text, b"\n\n"].concat().into(),
        }
    }
}

/// The quality and the form of a media range; `None` for one that asks for no form.
fn parse_range(range: &str) -> Option<(f32, StreamForm)> {
    let mut parts = range.split(';').map(str::trim);
    let media_type = parts.next()?.to_ascii_lowercase();
    let form = match media_type.as_str() {
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => StreamForm::Lines,
        "text/event-stream" => StreamForm::Events,
        _ => return None,
    };
    let quality =
        parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    Some((quality.map_or(1.0, |text| text.trim().parse().unwrap_or(0.0)), form))
}

/// Encodes chunks in a form.
pub(super) struct FramedChunks(pub(super) StreamForm);

impl StreamEncoding for FramedChunks {
    type Chunk = Bytes;

    fn encode(&mut self, content: Content) -> Result<Bytes, Error> {
        if self.0 == StreamForm::Joined {
            return MessageChunks.encode(content);
        }
        Ok(self.0.frame(match chunk(content)? {
            Encoded::Json(text) => text,
            Encoded::Binary(bytes) => binary_text(bytes),
        }))
    }

    fn encode_failure(&mut self, failure: &Error) -> Bytes {
        self.0.frame(failure_text(failure))
    }

    fn length(chunk: &Bytes) -> usize {
        chunk.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(values: &[&'static str]) -> StreamForm {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::ACCEPT, HeaderValue::from_static(value));
        }
        StreamForm::from_accept(&headers)
    }

    #[test]
    fn the_preferred_form_applies() {
        use StreamForm::{Events, Joined, Lines};
        for (values, expected) in [
            (&[][..], Joined),
            (&["*/*"], Joined),
            (&["application/json"], Joined),
            (&["application/octet-stream"], Joined),
            (&["application/x-ndjson"], Lines),
            (&["Application/NDJSON; charset=utf-8"], Lines),
            (&["application/jsonl, */*"], Lines),
            (&["text/event-stream"], Events),
            (&["text/html, text/event-stream;q=0.9, */*;q=0.8"], Events),
            (&["text/event-stream;q=0.5, application/x-ndjson"], Lines),
            (&["text/event-stream", "application/x-ndjson"], Events),
            (&["text/event-stream;q=0"], Joined),
            (&["text/event-stream; q=none"], Joined),
        ] {
            assert_eq!(form(values), expected, "{values:?}");
        }
    }

    #[test]
    fn chunks_and_failures_have_the_same_form() {
        let bytes = || Content::Raw(Bytes::from_static(b"a\n\n"));
        let error = Error::invalid("two\nlines");
        let status = r#"{"status":{"code":200,"msg":"OK","status":"SUCCESS"},"bin_data":"YQoK"}"#;
        let failed = r#"{"status":{"code":400,"msg":"two\nlines","status":"FAILURE"}}"#;
        for (form, begin, end) in
            [(StreamForm::Lines, "", "\n"), (StreamForm::Events, "data: ", "\n\n")]
        {
            let mut chunks = FramedChunks(form);
            assert_eq!(chunks.encode(bytes()).unwrap(), format!("{begin}{status}{end}"));
            assert_eq!(chunks.encode_failure(&error), format!("{begin}{failed}{end}"));
        }
        let mut joined = FramedChunks(StreamForm::Joined);
        assert_eq!(joined.encode(bytes()).unwrap(), "a\n\n");
        assert_eq!(joined.encode_failure(&error), failed);
    }
}
