//! The calls that run no model: health, and what management reads.

use http::Response;
use serde_json::Value;

use crate::call::call::Call;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::grpc::unary::serve;
use crate::frontends::torchserve::error::pretty;
use crate::frontends::torchserve::models::{self, Page};
use crate::frontends::torchserve::ping::status;
use crate::net::http::reply_body::ReplyBody;

/// `google.protobuf.Empty`.
#[derive(Clone, PartialEq, prost::Message)]
struct Empty {}

/// `TorchServeHealthResponse`.
#[derive(Clone, PartialEq, prost::Message)]
struct Health {
    /// A text of JSON, as `/ping` returns it.
    #[prost(string, tag = "1")]
    health: String,
}

/// `ListModelsRequest`.
#[derive(Clone, PartialEq, prost::Message)]
struct ListRequest {
    #[prost(int32, tag = "1")]
    limit: i32,
    #[prost(int32, tag = "2")]
    next_page_token: i32,
}

/// `DescribeModelRequest`.
#[derive(Clone, PartialEq, prost::Message)]
struct DescribeRequest {
    #[prost(string, tag = "1")]
    model_name: String,
    #[prost(string, tag = "2")]
    model_version: String,
}

/// `ManagementResponse`.
#[derive(Clone, PartialEq, prost::Message)]
struct ManagementResponse {
    /// A text of JSON.
    #[prost(string, tag = "1")]
    msg: String,
}

/// Serves `Ping`.
pub(super) async fn ping(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, |call, _: Empty| Ok(Health { health: text(&status(call).1) })).await
}

/// Serves `ListModels`.
pub(super) async fn list_models(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, |call, request: ListRequest| {
        let number = |number: i32| usize::try_from(number).unwrap_or_default();
        let page = Page::new(number(request.next_page_token), number(request.limit));
        Ok(ManagementResponse { msg: text(&page.of(call)) })
    })
    .await
}

/// Serves `DescribeModel`.
pub(super) async fn describe_model(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, |call, DescribeRequest { model_name, model_version }| {
        let version = Some(model_version.as_str()).filter(|version| !version.is_empty());
        let described = models::described(call, &model_name, version)?;
        Ok(ManagementResponse { msg: text(&described) })
    })
    .await
}

fn text(value: &Value) -> String {
    String::from_utf8_lossy(&pretty(value)).into_owned()
}
