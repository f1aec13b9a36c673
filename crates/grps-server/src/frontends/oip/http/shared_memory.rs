//! `systemsharedmemory` and `cudasharedmemory`: no region can be registered.

use http::Response;

use crate::call::call::Call;
use crate::frontends::oip::http::failure::failure;
use crate::frontends::oip::http::reply;
use crate::frontends::oip::http::repository::done;
use crate::frontends::oip::inference::shared_region::unsupported;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::net::http::reply_body::ReplyBody;

/// The regions, of which there are none.
pub(super) async fn status(_: Call, _: HttpRequest) -> Response<ReplyBody> {
    reply::json("[]")
}

/// Refuses a region.
pub(super) async fn register(_: Call, _: HttpRequest) -> Response<ReplyBody> {
    failure(&unsupported())
}

/// Forgets the regions: clients call it before they register the first one.
pub(super) async fn unregister(_: Call, _: HttpRequest) -> Response<ReplyBody> {
    done(Ok(()))
}
