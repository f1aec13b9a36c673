//! What TorchServe has and this front end does not: said, with what to call instead.

use http::Response;

use crate::call::call::Call;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::torchserve::error::not_served;
use crate::net::http::reply_body::ReplyBody;

/// `/workflows` and `/wfpredict/WORKFLOW`.
pub(super) async fn workflows(_: Call, _: HttpRequest) -> Response<ReplyBody> {
    not_served("workflows are not supported; connect models by a graph (dag) in inference.yml")
}

/// KServe's routes of TorchServe, `/v1/models/MODEL:predict`.
pub(super) async fn kserve(_: Call, _: HttpRequest) -> Response<ReplyBody> {
    not_served(
        "the KServe routes of TorchServe are not supported; POST /predictions/MODEL, or use the \
         Open Inference Protocol, /v2/models/MODEL/infer",
    )
}
