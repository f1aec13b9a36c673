//! One request to an endpoint and its response.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use grps_core::{Cause, Error};
use grps_server::BEGUN;
use http::{HeaderMap, Request, StatusCode};

use crate::transport::connection::Connection;
use crate::transport::failure::Failure;
use crate::transport::headers::TIMING;
use crate::transport::messages::{Messages, prefix};

/// gRPC's code for an endpoint that takes no requests for now.
const UNAVAILABLE: u32 = 14;

/// Most bytes of the steps that an endpoint has measured.
const MAX_STEPS_BYTES: usize = 4096;

/// A message in pieces, as they are sent.
pub(crate) type Pieces = [Bytes];

/// A response whose head is received; dropping it resets the stream.
#[derive(Debug)]
pub(crate) struct Exchange {
    messages: Messages,
    /// The steps that the endpoint has measured.
    steps: Option<Box<str>>,
    /// Held until the exchange ends.
    _place: Place,
}

/// A place of an exchange among those of its connection.
#[derive(Debug)]
struct Place(Arc<Connection>);

impl Place {
    fn new(connection: Arc<Connection>) -> Self {
        connection.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(connection)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Exchange {
    /// Sends a message and receives the head of the response. Dropping the future resets the stream.
    ///
    /// # Errors
    /// Why there is no response.
    pub(crate) async fn begin(
        connection: Arc<Connection>,
        head: Request<()>,
        pieces: &Pieces,
        max_response_bytes: usize,
    ) -> Result<Self, Failure> {
        let place = Place::new(Arc::clone(&connection));
        let length = pieces.iter().map(Bytes::len).sum();
        let Some(prefix) = prefix(length) else {
            let text = format!("a request of {length} bytes is too large for gRPC");
            return Err(Failure::Answered(Error::new(Cause::TooLarge, text)));
        };
        let mut sender = connection.sender().ready().await.map_err(|error| {
            connection.retire();
            Failure::unsent(error)
        })?;
        let (response, mut body) = sender.send_request(head, false).map_err(|error| {
            connection.retire();
            Failure::unsent(error)
        })?;
        send(&mut body, prefix, pieces).map_err(|error| Failure::of_sent(&error))?;
        let response = response.await.map_err(|error| {
            if error.is_go_away() {
                connection.retire();
            }
            Failure::of_sent(&error)
        })?;
        let (parts, body) = response.into_parts();
        check_head(parts.status, &parts.headers)?;
        let steps = parts.headers.get(TIMING).and_then(|value| value.to_str().ok());
        let steps = steps.filter(|steps| steps.len() <= MAX_STEPS_BYTES).map(Box::from);
        Ok(Self { messages: Messages::new(body, max_response_bytes), steps, _place: place })
    }

    /// Takes the steps that the endpoint has measured, if it tells them.
    pub(crate) fn take_steps(&mut self) -> Option<Box<str>> {
        self.steps.take()
    }

    /// The next message; `None` at the end of a response that succeeded.
    ///
    /// # Errors
    /// The stream broke, or the endpoint ended it with an error.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        if let Some(message) = self.messages.next().await? {
            return Ok(Some(message));
        }
        let trailers = self.messages.trailers().await?;
        match status_of(&trailers) {
            Some(0) => Ok(None),
            Some(code) => Err(Failure::Answered(error_of(code, &trailers))),
            None => Err(Failure::Lost("the response has no status".to_owned())),
        }
    }

    /// The only message of a response.
    ///
    /// # Errors
    /// As [`Exchange::next`].
    pub(crate) async fn only(mut self) -> Result<Bytes, Failure> {
        let Some(message) = self.next().await? else {
            return Err(Failure::Lost("the response has no message".to_owned()));
        };
        match self.next().await? {
            None => Ok(message),
            Some(_) => Err(Failure::Lost("the response has several messages".to_owned())),
        }
    }
}

/// Sends a whole message. Its memory is there already, so that nothing is gained by waiting for the
/// window of the stream.
fn send(
    body: &mut h2::SendStream<Bytes>,
    prefix: [u8; 5],
    pieces: &Pieces,
) -> Result<(), h2::Error> {
    let Some((first, rest)) = pieces.split_first() else {
        return body.send_data(Bytes::copy_from_slice(&prefix), true);
    };
    let head = [&prefix[..], first].concat();
    body.send_data(head.into(), rest.is_empty())?;
    for (index, piece) in rest.iter().enumerate() {
        body.send_data(piece.clone(), index + 1 == rest.len())?;
    }
    Ok(())
}

/// Checks the head of a response. One with an error and nothing else comes before anything is begun
/// if the endpoint takes no requests for now.
fn check_head(status: StatusCode, headers: &HeaderMap) -> Result<(), Failure> {
    let not_begun = |error| Err(Failure::NotBegun { error, was_sent: true });
    match (status, status_of(headers)) {
        (StatusCode::OK, None | Some(0)) => Ok(()),
        (StatusCode::OK, Some(code)) => {
            let error = error_of(code, headers);
            match error.cause() {
                Cause::Unavailable | Cause::QueueFull if !headers.contains_key(BEGUN) => {
                    not_begun(error)
                }
                // Another service would take it for a call that was not begun.
                Cause::Unavailable => {
                    Err(Failure::Answered(Error::new(Cause::ModelFailed, error.message())))
                }
                _ => Err(Failure::Answered(error)),
            }
        }
        (StatusCode::SERVICE_UNAVAILABLE, _) => {
            not_begun(Error::new(Cause::Unavailable, "it answers 503"))
        }
        (status, _) => Err(Failure::Lost(format!("it answers {}", status.as_u16()))),
    }
}

fn status_of(headers: &HeaderMap) -> Option<u32> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}

/// The error that an endpoint has answered a call with.
fn error_of(code: u32, headers: &HeaderMap) -> Error {
    let sent = headers.get("grpc-message").and_then(|value| value.to_str().ok());
    let message = decoded(sent.unwrap_or_default());
    let pause = headers.get("grpc-retry-pushback-ms").and_then(|value| value.to_str().ok());
    let pause = pause.and_then(|value| value.parse().ok()).map(Duration::from_millis);
    let error = match code {
        1 => Error::new(Cause::Cancelled, message),
        3 => Error::invalid(message),
        4 => Error::new(Cause::DeadlineExceeded, message),
        // A limit that passes has a time; a request that is too large has none.
        8 if pause.is_some() => Error::new(Cause::QueueFull, message),
        8 => Error::new(Cause::TooLarge, message),
        7 | 16 => {
            let text = format!("this service may not call it: {message}");
            Error::new(Cause::ModelFailed, text)
        }
        UNAVAILABLE => Error::new(Cause::Unavailable, message),
        _ => Error::new(Cause::ModelFailed, message),
    };
    match pause {
        Some(pause) => error.with_retry_after(pause),
        None => error,
    }
}

/// Text with `%` and two digits for bytes that a header can't have.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let code = digits.filter(|_| byte == b'%');
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(code) => {
                bytes.push(code);
                rest = after.get(2..).unwrap_or_default();
            }
            None => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_errors_are_decoded() {
        assert_eq!(decoded("a%20b%C3%A9"), "a b\u{e9}");
        assert_eq!(decoded("100%"), "100%");
        assert_eq!(decoded("%zz%2"), "%zz%2");
        assert_eq!(decoded("%FF"), "\u{fffd}");
    }

    #[test]
    fn only_a_refusal_before_the_start_may_go_elsewhere() {
        let mut headers = HeaderMap::new();
        assert!(check_head(StatusCode::OK, &headers).is_ok());
        let unavailable = check_head(StatusCode::SERVICE_UNAVAILABLE, &headers);
        let Err(Failure::NotBegun { error, was_sent: true }) = unavailable else { panic!() };
        assert_eq!(error.cause(), Cause::Unavailable);
        assert!(matches!(check_head(StatusCode::NOT_FOUND, &headers), Err(Failure::Lost(_))));
        headers.insert("grpc-status", "14".parse().unwrap());
        let draining = check_head(StatusCode::OK, &headers);
        assert!(matches!(draining, Err(Failure::NotBegun { was_sent: true, .. })));
        for (code, cause) in [("8", Cause::TooLarge), ("4", Cause::DeadlineExceeded)] {
            headers.insert("grpc-status", code.parse().unwrap());
            let Err(Failure::Answered(error)) = check_head(StatusCode::OK, &headers) else {
                panic!("{code}");
            };
            assert_eq!(error.cause(), cause);
        }
        headers.insert("grpc-status", "8".parse().unwrap());
        headers.insert("grpc-retry-pushback-ms", "1500".parse().unwrap());
        let full = check_head(StatusCode::OK, &headers);
        let Err(Failure::NotBegun { error, .. }) = full else { panic!("{full:?}") };
        assert_eq!(error.cause(), Cause::QueueFull);
        assert_eq!(error.retry_after(), Some(Duration::from_millis(1500)));

        // A graph that has run a model before another one refused it.
        headers.insert(BEGUN, "1".parse().unwrap());
        for (code, cause) in [("8", Cause::QueueFull), ("14", Cause::ModelFailed)] {
            headers.insert("grpc-status", code.parse().unwrap());
            let Err(Failure::Answered(error)) = check_head(StatusCode::OK, &headers) else {
                panic!("{code}");
            };
            assert_eq!(error.cause(), cause);
        }
    }
}
