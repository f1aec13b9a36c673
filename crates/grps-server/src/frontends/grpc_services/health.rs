//! `grpc.health.v1.Health`: whether the service is ready, once or at every change.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use grps_core::{Engine, Error};
use http::Response;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tonic::Status;

use crate::admin::readiness::unready_reason;
use crate::app::App;
use crate::call::call::Call;
use crate::call::status::rpc_failure;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::grpc::reader::MessageReader;
use crate::frontends::shared::grpc::response::{Message, StreamItem, failed, streaming, unary};
use crate::net::http::reply_body::ReplyBody;

const SERVING: Bytes = Bytes::from_static(&[0x08, 1]);
const NOT_SERVING: Bytes = Bytes::from_static(&[0x08, 2]);
const SERVICE_UNKNOWN: Bytes = Bytes::from_static(&[0x08, 3]);
/// Longest request: the name of a service.
const MAX_REQUEST_BYTES: usize = 4096;
/// How often the readiness is looked at for those who watch it.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// Serves `Check`.
pub(super) async fn check(
    call: Call,
    request: HttpRequest,
    services: Arc<[String]>,
) -> Response<ReplyBody> {
    match read(&call, request, &services).await {
        Ok(true) => unary(Message::new(&[status(&call.app.engine)]), None),
        Ok(false) => failed(Status::not_found("unknown service")),
        Err(error) => failed(rpc_failure(&error)),
    }
}

/// Serves `Watch`.
pub(super) async fn watch(
    call: Call,
    request: HttpRequest,
    services: Arc<[String]>,
) -> Response<ReplyBody> {
    let is_known = match read(&call, request, &services).await {
        Ok(is_known) => is_known,
        Err(error) => return failed(rpc_failure(&error)),
    };
    let (sender, receiver) = mpsc::channel(1);
    // Without the call, which the drain would wait for.
    tokio::spawn(report(Arc::clone(&call.app), is_known, sender));
    streaming(receiver, None)
}

/// Reads a `HealthCheckRequest`; returns whether its service is known.
async fn read(call: &Call, request: HttpRequest, services: &[String]) -> Result<bool, Error> {
    let HttpRequest { parts, body, .. } = request;
    let mut reader = MessageReader::new(&parts.headers, body, MAX_REQUEST_BYTES)?;
    let message = reader.read_only(call, |_| None).await?;
    let name = service_name(&message)
        .ok_or_else(|| Error::invalid("the message is no HealthCheckRequest"))?;
    Ok(name.is_empty() || services.iter().any(|known| known.as_bytes() == name))
}

/// The only field of a `HealthCheckRequest`.
fn service_name(message: &[u8]) -> Option<&[u8]> {
    let (length, name) = match message {
        [] => return Some(message),
        [0x0A, length @ 0..=0x7f, name @ ..] => (usize::from(*length), name),
        [0x0A, low, high @ 0..=0x7f, name @ ..] => {
            (usize::from(low & 0x7f) | usize::from(*high) << 7, name)
        }
        _ => return None,
    };
    (name.len() == length).then_some(name)
}

fn status(engine: &Engine) -> Bytes {
    if unready_reason(engine).is_none() { SERVING } else { NOT_SERVING }
}

/// Sends the status at once and at every change, until the client leaves or the service ends.
async fn report(app: Arc<App>, is_known: bool, sender: mpsc::Sender<StreamItem>) {
    let mut ticks = interval(WATCH_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = None;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = sender.closed() => return,
        }
        let is_draining = app.engine.health().is_draining();
        let current = match (is_known, is_draining) {
            (false, _) => SERVICE_UNKNOWN,
            (true, true) => NOT_SERVING,
            (true, false) => status(&app.engine),
        };
        if last.as_ref() != Some(&current) {
            let message = Message::new(std::slice::from_ref(&current));
            if sender.send(Ok(message)).await.is_err() {
                return;
            }
            last = Some(current);
        }
        if is_draining {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_read_from_a_request() {
        let long = [b'a'; 200];
        assert_eq!(service_name(b""), Some(&b""[..]));
        assert_eq!(service_name(b"\x0a\x01a"), Some(&b"a"[..]));
        assert_eq!(service_name(&[b"\x0a\xc8\x01", &long[..]].concat()), Some(&long[..]));
        for bad in [&b"\x0a"[..], b"\x0a\x02a", b"\x0a\x01ab", b"\x08\x01", b"\x0a\xff\xff\xff"] {
            assert_eq!(service_name(bad), None);
        }
    }
}
