//! Why a request failed, and the text of it.

use std::fmt;

use serde_json::Value;

/// Most characters of a text that is remembered.
const MOST_CHARS: usize = 300;
/// Most bytes of a body in which a text is looked for.
pub(crate) const MOST_BODY_BYTES: usize = 64 * 1024;

/// The class of a failure. Each has a count and the first text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// A status of HTTP.
    Http(u16),
    /// A status of gRPC.
    Grpc(u32),
    /// An error code of `baidu_std`.
    Brpc(i64),
    /// The status in a message or in a chunk, in a response that did not fail as a whole.
    Model(i64),
    /// There is no connection.
    Connect,
    /// The time of the request passed.
    Timeout,
    /// The connection ended.
    Connection,
    /// The response is larger than the limit.
    TooLarge,
    /// The response can't be read.
    Unreadable,
}

impl fmt::Display for Class {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(status) => write!(out, "HTTP {status}"),
            Self::Grpc(code) => write!(out, "gRPC {code} {}", grpc_name(*code)),
            Self::Brpc(code) => write!(out, "bRPC {code}"),
            Self::Model(code) => write!(out, "status {code}"),
            Self::Connect => write!(out, "no connection"),
            Self::Timeout => write!(out, "timeout"),
            Self::Connection => write!(out, "connection ended"),
            Self::TooLarge => write!(out, "response too large"),
            Self::Unreadable => write!(out, "response unreadable"),
        }
    }
}

fn grpc_name(code: u32) -> &'static str {
    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    usize::try_from(code).ok().and_then(|at| NAMES.get(at)).copied().unwrap_or("")
}

/// A request that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Its class.
    pub(crate) class: Class,
    /// What the server or the system says.
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn new(class: Class, text: impl AsRef<str>) -> Self {
        Self { class, text: clean(text.as_ref()) }
    }

    /// An HTTP response with an error: its text is looked for in the body.
    pub(crate) fn of_body(class: Class, body: &[u8]) -> Self {
        let found = serde_json::from_slice(body).ok().and_then(|value| text_in(&value));
        Self::new(class, found.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned()))
    }

    /// A chunk of a stream that reports a failure; `None` for any other.
    pub(crate) fn of_chunk(chunk: &[u8]) -> Option<Self> {
        let is_suspect = memchr::memmem::find(chunk, b"FAILURE").is_some()
            || memchr::memmem::find(chunk, b"\"error\"").is_some();
        let value: Value = is_suspect.then(|| serde_json::from_slice(chunk).ok()).flatten()?;
        let status = &value["status"];
        let has_failed = status["status"] == "FAILURE";
        let error = value.get("error").filter(|error| !error.is_null());
        let code = if has_failed { &status["code"] } else { &error?["code"] };
        let code = code.as_i64().unwrap_or(500);
        Some(Self::new(Class::Model(code), text_in(&value).unwrap_or_default()))
    }
}

/// The text of an error in the forms that servers of models have.
fn text_in(value: &Value) -> Option<String> {
    const PLACES: [&str; 7] =
        ["/status/msg", "/error/message", "/error", "/message", "/msg", "/detail", "/detail/0/msg"];
    PLACES.iter().find_map(|place| value.pointer(place)?.as_str().map(str::to_owned))
}

/// One line without control characters, not too long.
fn clean(text: &str) -> String {
    let words = text.split(|letter: char| letter.is_whitespace() || letter.is_control());
    let line = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    line.chars().take(MOST_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_an_error_is_found_in_every_form() {
        for body in [
            r#"{"status": {"code": 400, "msg": "wrong shape", "status": "FAILURE"}}"#,
            r#"{"error": {"message": "wrong shape", "type": "x"}}"#,
            r#"{"error": "wrong shape"}"#,
            r#"{"detail": "wrong\n shape"}"#,
            "wrong \u{1b} shape",
        ] {
            assert_eq!(Failure::of_body(Class::Http(400), body.as_bytes()).text, "wrong shape");
        }
    }

    #[test]
    fn long_texts_are_cut() {
        let body = "x".repeat(MOST_CHARS + 1);
        assert_eq!(Failure::new(Class::Timeout, body).text.len(), MOST_CHARS);
    }

    #[test]
    fn a_chunk_may_report_a_failure() {
        let chunk = br#"{"status": {"code": 503, "msg": "no", "status": "FAILURE"}}"#;
        let failure = Failure::of_chunk(chunk).unwrap();
        assert_eq!((failure.class, &*failure.text), (Class::Model(503), "no"));
        assert!(Failure::of_chunk(br#"{"str_data": "no FAILURE of an \"error\""}"#).is_none());
        assert!(Failure::of_chunk(br#"{"choices": [], "error": null}"#).is_none());
    }
}
