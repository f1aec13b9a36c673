//! Methods that run no model; their errors are statuses in the message.

use std::pin::Pin;

use bytes::Bytes;
use grps_core::{Cause, Error};
use http::Response;
use tonic::server::UnaryService;

use crate::admin::model_metadata;
use crate::admin::readiness::{set_online, unready_reason};
use crate::call::call::Call;
use crate::call::status::grps_status;
use crate::codec::{Data, GrpsMessage, Status, proto};
use crate::frontends::grps_grpc::service::{open, too_large_as_exhausted};
use crate::frontends::shared::endpoint::HttpRequest;
use crate::net::http::reply_body::ReplyBody;

/// A method: maps the request message to the response message.
pub(super) type Method = fn(&Call, &Bytes) -> Result<Bytes, tonic::Status>;

/// Sets the service online.
pub(super) async fn online(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, |call, _| {
        set_online(call, true);
        Ok(message(Ok(Data::None)))
    })
    .await
}

/// Sets the service offline.
pub(super) async fn offline(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, |call, _| {
        set_online(call, false);
        Ok(message(Ok(Data::None)))
    })
    .await
}

/// Success while the process runs.
pub(super) async fn check_liveness(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, |_, _| Ok(message(Ok(Data::None)))).await
}

/// Success when the service is ready.
pub(super) async fn check_readiness(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, |call, _| {
        Ok(message(match unready_reason(&call.app.engine) {
            None => Ok(Data::None),
            Some(reason) => Err(Error::new(Cause::Unavailable, reason)),
        }))
    })
    .await
}

/// The configuration files of the service.
pub(super) async fn server_metadata(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, |call, _| {
        Ok(message(Ok(Data::Text(call.app.settings.server_metadata.clone()))))
    })
    .await
}

/// The description of the model in `str_data`.
pub(super) async fn model_metadata(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, |call, sent| Ok(message(read_model_metadata(call, sent)))).await
}

/// Reads the message of a request and responds with the result of `method`.
pub(super) async fn serve(call: Call, request: HttpRequest, method: Method) -> Response<ReplyBody> {
    let limit = call.app.settings.max_request_bytes;
    let (mut grpc, request) = match open(&call, request).await {
        Ok(opened) => opened,
        Err(status) => return too_large_as_exhausted(status.into_http(), limit),
    };
    let response = grpc.unary(Control { call, method }, request).await;
    too_large_as_exhausted(response, limit)
}

/// A call of one method, as a tonic service.
struct Control {
    call: Call,
    method: Method,
}

impl UnaryService<Bytes> for Control {
    type Response = Bytes;
    type Future =
        Pin<Box<dyn Future<Output = Result<tonic::Response<Bytes>, tonic::Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let outcome = (self.method)(&self.call, request.get_ref());
        Box::pin(std::future::ready(outcome.map(tonic::Response::new)))
    }
}

fn message(outcome: Result<Data, Error>) -> Bytes {
    proto::encode(&match outcome {
        Ok(data) => GrpsMessage { data, ..GrpsMessage::of_status(Status::ok()) },
        Err(error) => GrpsMessage::of_status(grps_status(&error)),
    })
}

fn read_model_metadata(call: &Call, sent: &Bytes) -> Result<Data, Error> {
    match proto::decode(sent)?.data {
        Data::Text(name) => model_metadata::model_metadata(&call.app, &name).map(Data::Text),
        _ => Err(Error::invalid("No model name.")),
    }
}
