//! The form of a predict body: by its content type, otherwise by the model.

use bytes::Bytes;
use grps_core::{Cause, Error, RawBody};
use http::{HeaderMap, header};

use crate::codec::{GrpsMessage, Room};

/// Prefixes of content types that are bytes for every model.
const BINARY_PREFIXES: [&str; 3] = ["image/", "audio/", "video/"];

/// What curl sends with any data.
const CURLS_OWN: &str = "application/x-www-form-urlencoded";

/// The form of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyForm {
    Json,
    Binary,
    Text,
}

impl BodyForm {
    /// The form by the content type, without parameters such as `charset`; `None` for a content type
    /// that does not define the form.
    pub(super) fn from_content_type(headers: &HeaderMap) -> Option<Self> {
        let essence = essence(headers)?;
        let has_prefix = |prefix: &&str| {
            essence.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        if essence.eq_ignore_ascii_case("application/json") {
            Some(Self::Json)
        } else if essence.eq_ignore_ascii_case("application/octet-stream")
            || BINARY_PREFIXES.iter().any(has_prefix)
        {
            Some(Self::Binary)
        } else {
            None
        }
    }

    /// The form for a model. `raw` applies when the content type does not define the form: no content
    /// type, plain text, or the form type that curl sends with any file.
    ///
    /// # Errors
    /// `UnsupportedMediaType` or `InvalidArgument` when the form is unknown.
    pub(super) fn for_model(headers: &HeaderMap, raw: Option<RawBody>) -> Result<Self, Error> {
        if let Some(form) = Self::from_content_type(headers) {
            return Ok(form);
        }
        let is_unspecific = essence(headers)
            .is_none_or(|essence| essence.eq_ignore_ascii_case("text/plain") || is_curls(essence));
        match raw {
            Some(RawBody::Bytes | RawBody::Http) if is_unspecific => Ok(Self::Binary),
            Some(RawBody::Text | RawBody::Json) if is_unspecific => Ok(Self::Text),
            _ if !headers.contains_key(header::CONTENT_TYPE) => {
                Err(Error::invalid("No content type in headers."))
            }
            _ => Err(Error::new(Cause::UnsupportedMediaType, unsupported(headers))),
        }
    }
}

fn unsupported(headers: &HeaderMap) -> String {
    let advice = if essence(headers).is_some_and(is_curls) {
        " With curl, add -H 'Content-Type: application/json'."
    } else {
        ""
    };
    format!("Unsupported content type. Send application/json or application/octet-stream.{advice}")
}

fn is_curls(essence: &str) -> bool {
    essence.eq_ignore_ascii_case(CURLS_OWN)
}

/// Creates a message from a text body.
pub(super) fn text_message(body: &Bytes, room: &Room<'_>) -> Result<GrpsMessage, Error> {
    match std::str::from_utf8(body) {
        Ok(text) => {
            room.take(text.len())?;
            Ok(GrpsMessage::of_text(text.to_owned()))
        }
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
    fn specific_content_types_apply_to_every_model() {
        for (value, expected) in [
            ("application/json", BodyForm::Json),
            ("Application/JSON; charset=utf-8", BodyForm::Json),
            ("application/octet-stream", BodyForm::Binary),
            ("image/jpeg", BodyForm::Binary),
            ("IMAGE/png", BodyForm::Binary),
            ("audio/wav; rate=8000", BodyForm::Binary),
        ] {
            for raw in [None, Some(RawBody::Bytes), Some(RawBody::Text), Some(RawBody::Http)] {
                assert_eq!(BodyForm::for_model(&headers(Some(value)), raw).unwrap(), expected);
            }
        }
    }

    #[test]
    fn unspecific_content_types_depend_on_the_model() {
        let unspecific = [None, Some("text/plain"), Some(CURLS_OWN)];
        for value in unspecific {
            let form = |raw| BodyForm::for_model(&headers(value), raw);
            assert_eq!(form(Some(RawBody::Bytes)).unwrap(), BodyForm::Binary);
            assert_eq!(form(Some(RawBody::Json)).unwrap(), BodyForm::Text);
            assert_eq!(form(Some(RawBody::Http)).unwrap(), BodyForm::Binary);
            assert_eq!(form(Some(RawBody::Text)).unwrap(), BodyForm::Text);
            let cause =
                if value.is_none() { Cause::InvalidArgument } else { Cause::UnsupportedMediaType };
            assert_eq!(form(None).unwrap_err().cause(), cause);
        }
    }

    #[test]
    fn other_content_types_are_refused_for_every_model() {
        for value in ["text/html", "multipart/form-data; boundary=x", "imagejpeg", "é", ""] {
            let mut given = HeaderMap::new();
            given.insert(header::CONTENT_TYPE, http::HeaderValue::from_str(value).unwrap());
            for raw in [None, Some(RawBody::Bytes), Some(RawBody::Text)] {
                let form = BodyForm::for_model(&given, raw);
                // A value that is not ASCII counts as no content type.
                assert_eq!(form.is_err(), value.is_ascii() || raw.is_none(), "{value}");
            }
        }
    }

    #[test]
    fn text_must_be_utf_8() {
        let room = Room::unlimited();
        assert!(text_message(&Bytes::from_static("héllo".as_bytes()), &room).is_ok());
        let error = text_message(&Bytes::from_static(b"ab\xff"), &room).unwrap_err();
        assert_eq!(error.message(), "the body is not UTF-8 text from byte 2 on");
    }
}
