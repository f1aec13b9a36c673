//! `health/{online,offline,live,ready}`.

use grps_core::{Cause, Error};
use http::Response;

use crate::admin::readiness::{set_online, unready_reason};
use crate::call::call::Call;
use crate::codec::Data;
use crate::frontends::grps_http::encode;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::net::http::reply_body::ReplyBody;

/// Sets the service online.
pub(super) async fn online(call: Call, _: HttpRequest) -> Response<ReplyBody> {
    set_online(&call, true);
    encode::message(Data::None)
}

/// Sets the service offline.
pub(super) async fn offline(call: Call, _: HttpRequest) -> Response<ReplyBody> {
    set_online(&call, false);
    encode::message(Data::None)
}

/// 200 while the process runs.
pub(super) async fn live(_: Call, _: HttpRequest) -> Response<ReplyBody> {
    encode::message(Data::None)
}

/// 200 when the service is ready, otherwise 503 with the reason.
pub(super) async fn ready(call: Call, _: HttpRequest) -> Response<ReplyBody> {
    match unready_reason(&call.app.engine) {
        None => encode::message(Data::None),
        Some(reason) => encode::failure(&Error::new(Cause::Unavailable, reason)),
    }
}
