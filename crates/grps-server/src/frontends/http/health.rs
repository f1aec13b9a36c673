//! `health/{online,offline,live,ready}`.

use grps_core::{Cause, Error};
use http::{HeaderMap, Response};

use super::respond;
use crate::admin::access::authorize;
use crate::app::App;
use crate::call::dispatch::Call;
use crate::call::readiness::unready;
use crate::net::reply_body::ReplyBody;

/// Takes the service in or out of traffic.
pub(super) fn set_online(call: &Call, headers: &HeaderMap, online: bool) -> Response<ReplyBody> {
    let token = call.app.settings.admin_token.as_deref();
    if let Err(error) = authorize(call.peer.ip(), headers, token) {
        return respond::failure(&error);
    }
    tracing::info!(peer = %call.peer, online, "readiness set by the operator");
    call.app.engine.health().set_online(online);
    respond::success()
}

/// 200 when the service is ready for traffic, else 503 with the reason.
pub(super) fn ready(app: &App) -> Response<ReplyBody> {
    match unready(&app.engine) {
        None => respond::success(),
        Some(reason) => respond::failure(&Error::new(Cause::Unavailable, reason)),
    }
}
