//! `health/{online,offline,live,ready}`.

use grps_core::{Cause, Error};
use http::Response;

use crate::admin::readiness::{set_online, unready};
use crate::call::call::Call;
use crate::codec::Data;
use crate::frontends::grps_http::encode;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::net::reply_body::ReplyBody;

/// Lets traffic in.
pub(super) async fn online(call: Call, _: HttpRequest) -> Response<ReplyBody> {
    set_online(&call, true);
    encode::message(Data::None)
}

/// Keeps traffic away.
pub(super) async fn offline(call: Call, _: HttpRequest) -> Response<ReplyBody> {
    set_online(&call, false);
    encode::message(Data::None)
}

/// 200 as long as the process answers.
pub(super) async fn live(_: Call, _: HttpRequest) -> Response<ReplyBody> {
    encode::message(Data::None)
}

/// 200 when the service is ready for traffic, else 503 with the reason.
pub(super) async fn ready(call: Call, _: HttpRequest) -> Response<ReplyBody> {
    match unready(&call.app.engine) {
        None => encode::message(Data::None),
        Some(reason) => encode::failure(&Error::new(Cause::Unavailable, reason)),
    }
}
