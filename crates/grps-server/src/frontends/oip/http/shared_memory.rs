//! `systemsharedmemory` and `cudasharedmemory`. No region of CUDA can be registered.

use grps_core::Error;
use http::Response;
use serde_json::{Value, json};

use crate::call::call::Call;
use crate::frontends::oip::http::failure::failure;
use crate::frontends::oip::http::health::model_of;
use crate::frontends::oip::http::metadata::respond;
use crate::frontends::oip::http::reply;
use crate::frontends::oip::http::repository::done;
use crate::frontends::oip::http::settings::read_values_by_name;
use crate::frontends::oip::shared_memory::{self, RegionStatus};
use crate::frontends::shared::credentials::authorize_admin;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::net::http::reply_body::ReplyBody;

/// The regions, or the one of a name.
pub(super) async fn system_status(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let statuses = shared_memory::statuses(&call.app, region_of(&request));
    respond(statuses.map(|statuses| statuses.iter().map(describe).collect::<Vec<_>>()))
}

fn describe(status: &RegionStatus) -> Value {
    let RegionStatus { name, key, offset, byte_size } = status;
    json!({"name": &**name, "key": key, "offset": offset, "byte_size": byte_size})
}

/// Registers a region.
pub(super) async fn system_register(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    done(register(&call, request).await)
}

async fn register(call: &Call, request: HttpRequest) -> Result<(), Error> {
    let regions = shared_memory::regions(&call.app)?;
    let name = region_of(&request).unwrap_or_default().to_owned();
    let values = read_values_by_name(call, request).await?;
    let missing = |field: &str| Error::invalid(format!("{field} is missing"));
    let key = values.text("key")?.ok_or_else(|| missing("key"))?;
    let byte_size = values.whole_number("byte_size")?.ok_or_else(|| missing("byte_size"))?;
    let offset = values.whole_number("offset")?.unwrap_or_default();
    regions.register(&name, key, offset, byte_size)
}

/// Removes a region, or all of them. Clients call it before they register the first one.
pub(super) async fn system_unregister(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let may_change = authorize_admin(&call, &request.parts);
    done(shared_memory::unregister(&call.app, region_of(&request), may_change))
}

/// The regions of CUDA, of which there are none.
pub(super) async fn cuda_status(_: Call, _: HttpRequest) -> Response<ReplyBody> {
    reply::json("[]")
}

/// Refuses a region of CUDA.
pub(super) async fn cuda_register(_: Call, _: HttpRequest) -> Response<ReplyBody> {
    failure(&shared_memory::cuda_unsupported())
}

/// Forgets the regions of CUDA.
pub(super) async fn cuda_unregister(_: Call, _: HttpRequest) -> Response<ReplyBody> {
    done(Ok(()))
}

/// The region of a path, if it has one.
fn region_of(request: &HttpRequest) -> Option<&str> {
    Some(model_of(request).0).filter(|name| !name.is_empty())
}
