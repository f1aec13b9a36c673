//! `Predict` over gRPC.

use bytes::Bytes;
use grps_core::{Cause, Content, Error, InputForm, Request as EngineRequest};
use tokio::time::Instant;

use crate::codec::{GrpsMessage, Status, proto};
use crate::dispatch::Call;
use crate::status::{grps_status, rpc_status};

/// Answers an encoded message with an encoded message.
///
/// # Errors
/// The gRPC status of failures that are not the model's.
pub(super) async fn predict(
    call: &Call,
    message: Bytes,
    deadline: Option<Instant>,
) -> Result<Bytes, tonic::Status> {
    match infer(call, message, deadline).await {
        Ok(answer) => Ok(answer),
        Err(error) => {
            tracing::warn!(id = &*call.id, peer = %call.peer, cause = ?error.cause(), %error, "predict failed");
            match rpc_status(&error) {
                Some(status) => Err(status),
                None => Ok(proto::encode(&GrpsMessage::of_status(grps_status(&error)))),
            }
        }
    }
}

async fn infer(call: &Call, message: Bytes, deadline: Option<Instant>) -> Result<Bytes, Error> {
    let route = call.app.engine.route(proto::peek_model(&message)?)?;
    let Some(model) = route.models().first() else {
        return Err(Error::new(Cause::Internal, "the route has no model"));
    };
    let content = match model.spec().form {
        InputForm::Message => Content::Message(message),
        InputForm::Tensors => Content::Tensors(proto::decode_tensors(&message)?),
    };
    let request = EngineRequest { id: call.id.clone(), content, deadline };
    match call.app.engine.infer(&route, request).await? {
        Content::Tensors(tensors) => Ok(proto::encode_tensors(Some(&Status::ok()), "", &tensors)),
        Content::Message(answer) => proto::with_status(&answer, &Status::ok())
            .map_err(|error| Error::new(Cause::ModelFailed, error.message())),
    }
}
