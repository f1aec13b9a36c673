//! What the body of a request is, by its content type and by what the model makes of bodies.

use bytes::Bytes;
use grps_core::{Cause, Error, RawBody};
use http::{HeaderMap, header};

use crate::codec::GrpsMessage;

/// Kinds of files that are bytes to every model.
const FILES: [&str; 3] = ["image/", "audio/", "video/"];

/// The forms a body can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyForm {
    Json,
    Binary,
    Text,
}

impl BodyForm {
    /// The media type of a request that tells it, parameters such as `charset` aside.
    pub(super) fn of_content_type(headers: &HeaderMap) -> Option<Self> {
        let essence = essence(headers)?;
        let is_file = |kind: &&str| {
            essence.get(..kind.len()).is_some_and(|start| start.eq_ignore_ascii_case(kind))
        };
        if essence.eq_ignore_ascii_case("application/json") {
            Some(Self::Json)
        } else if essence.eq_ignore_ascii_case("application/octet-stream")
            || FILES.iter().any(is_file)
        {
            Some(Self::Binary)
        } else {
            None
        }
    }

    /// The media type of a predict call to a model that takes bodies of no telling type as `raw`.
    ///
    /// Such are those without a content type, plain text, and what curl says of any file.
    ///
    /// # Errors
    /// `UnsupportedMediaType` or `InvalidArgument` when the body's form is not known.
    pub(super) fn of_model(headers: &HeaderMap, raw: Option<RawBody>) -> Result<Self, Error> {
        if let Some(known) = Self::of_content_type(headers) {
            return Ok(known);
        }
        let vague = essence(headers).is_none_or(|essence| {
            essence.eq_ignore_ascii_case("text/plain")
                || essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        });
        match raw {
            Some(RawBody::Bytes) if vague => Ok(Self::Binary),
            Some(RawBody::Text) if vague => Ok(Self::Text),
            _ if !headers.contains_key(header::CONTENT_TYPE) => {
                Err(Error::invalid("No content type in headers."))
            }
            _ => Err(Error::new(
                Cause::UnsupportedMediaType,
                "Unsupported content type. Send application/json or application/octet-stream.",
            )),
        }
    }
}

/// A body that is text and nothing else, as a message.
pub(super) fn message_of_text(body: &Bytes) -> Result<GrpsMessage, Error> {
    match std::str::from_utf8(body) {
        Ok(text) => Ok(GrpsMessage::of_text(text.to_owned())),
        Err(error) => Err(Error::invalid(format!(
            "the body is not UTF-8 text from byte {} on",
            error.valid_up_to()
        ))),
    }
}

fn essence(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(content_type: Option<&'static str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(value) = content_type {
            headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_type_that_tells_counts_for_every_model() {
        for (value, expected) in [
            ("application/json", BodyForm::Json),
            ("Application/JSON; charset=utf-8", BodyForm::Json),
            ("application/octet-stream", BodyForm::Binary),
            ("image/jpeg", BodyForm::Binary),
            ("IMAGE/png", BodyForm::Binary),
            ("audio/wav; rate=8000", BodyForm::Binary),
        ] {
            for raw in [None, Some(RawBody::Bytes), Some(RawBody::Text)] {
                assert_eq!(BodyForm::of_model(&headers(Some(value)), raw).unwrap(), expected);
            }
        }
    }

    #[test]
    fn a_vague_type_is_what_the_model_makes_of_it() {
        let vague = [None, Some("text/plain"), Some("application/x-www-form-urlencoded")];
        for value in vague {
            let of = |raw| BodyForm::of_model(&headers(value), raw);
            assert_eq!(of(Some(RawBody::Bytes)).unwrap(), BodyForm::Binary);
            assert_eq!(of(Some(RawBody::Text)).unwrap(), BodyForm::Text);
            let cause =
                if value.is_none() { Cause::InvalidArgument } else { Cause::UnsupportedMediaType };
            assert_eq!(of(None).unwrap_err().cause(), cause);
        }
    }

    #[test]
    fn other_types_are_refused_by_every_model() {
        for value in ["text/html", "multipart/form-data; boundary=x", "imagejpeg", "é", ""] {
            let mut given = HeaderMap::new();
            given.insert(header::CONTENT_TYPE, http::HeaderValue::from_str(value).unwrap());
            for raw in [None, Some(RawBody::Bytes), Some(RawBody::Text)] {
                let refused = BodyForm::of_model(&given, raw);
                // A value that is no ASCII tells nothing, like none at all.
                assert_eq!(refused.is_err(), value.is_ascii() || raw.is_none(), "{value}");
            }
        }
    }

    #[test]
    fn text_must_be_utf_8() {
        assert!(message_of_text(&Bytes::from_static("héllo".as_bytes())).is_ok());
        let error = message_of_text(&Bytes::from_static(b"ab\xff")).unwrap_err();
        assert_eq!(error.message(), "the body is not UTF-8 text from byte 2 on");
    }
}
