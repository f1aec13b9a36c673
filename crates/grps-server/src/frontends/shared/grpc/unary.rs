//! Calls that run no model: a message in, a message out.

use grps_core::Error;
use grps_core::metrics::RequestStage;
use http::Response;

use crate::call::call::Call;
use crate::call::status::rpc_failure;
use crate::frontends::shared::credentials::authorize_admin;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::grpc::reader::MessageReader;
use crate::frontends::shared::grpc::response::{Message, failed, unary};
use crate::net::http::content_coding::Coding;
use crate::net::http::reply_body::ReplyBody;

/// Most bytes of a request: an entry of a map takes far more memory than bytes of the message.
const MAX_BYTES: usize = 1 << 20;

/// Whether the client of a call may change settings of the service.
pub(crate) type MayChange = Result<(), Error>;

/// Serves a call by a function that answers at once.
pub(crate) async fn serve<Q, R>(
    call: Call,
    request: HttpRequest,
    answer: impl FnOnce(&Call, Q) -> Result<R, Error> + Send,
) -> Response<ReplyBody>
where
    Q: prost::Message + Default,
    R: prost::Message,
{
    let (query, coding) = match read(&call, request).await {
        Ok(read) => read,
        Err(error) => return failed(rpc_failure(&error)),
    };
    respond(&call, answer(&call, query), coding).await
}

/// Serves a call by a function that waits.
pub(crate) async fn serve_later<Q, R, F>(
    call: Call,
    request: HttpRequest,
    answer: impl FnOnce(Call, Q, MayChange) -> F + Send,
) -> Response<ReplyBody>
where
    Q: prost::Message + Default,
    R: prost::Message,
    F: Future<Output = Result<R, Error>> + Send,
{
    let may_change = authorize_admin(&call, &request.parts);
    let (query, coding) = match read(&call, request).await {
        Ok(read) => read,
        Err(error) => return failed(rpc_failure(&error)),
    };
    let outcome = answer(call.clone(), query, may_change).await;
    respond(&call, outcome, coding).await
}

async fn read<Q: prost::Message + Default>(
    call: &Call,
    request: HttpRequest,
) -> Result<(Q, Option<Coding>), Error> {
    let HttpRequest { parts, body, .. } = request;
    let limit = call.app.settings.max_request_bytes.min(MAX_BYTES);
    let mut reader = MessageReader::new(&parts.headers, body, limit)?;
    let message = reader.read_only(call, |_| None).await?;
    let malformed = |error| Error::invalid(format!("the message is malformed: {error}"));
    let query =
        call.timeline.measure(RequestStage::Decode, || Q::decode(message).map_err(malformed))?;
    Ok((query, reader.coding()))
}

async fn respond<R: prost::Message>(
    call: &Call,
    outcome: Result<R, Error>,
    coding: Option<Coding>,
) -> Response<ReplyBody> {
    match outcome {
        Ok(answer) => {
            let parts = vec![answer.encode_to_vec().into()];
            unary(Message::encoded(call, parts, coding).await, coding)
        }
        Err(error) => failed(rpc_failure(&error)),
    }
}
