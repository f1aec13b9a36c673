//! From a request in memory to what the engine runs.

use grps_core::{Error, SchedulingOptions};
use http::HeaderMap;

use crate::call::call::Call;
use crate::call::inference::Decoded;
use crate::codec::Room;
use crate::frontends::oip::inference::content::to_content;
use crate::frontends::oip::inference::request::InferRequest;
use crate::frontends::oip::inference::response::ResponseForm;
use crate::frontends::oip::inference::scheduling;
use crate::frontends::oip::service::lookup;

/// What the head of a request says: its HTTP headers or gRPC metadata.
#[derive(Clone, Debug)]
pub(crate) struct RequestHead {
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// What they ask of the scheduling.
    pub(crate) options: SchedulingOptions,
}

/// Checks a request, selects its route and brings its inputs into the form of the route. `body_bytes`
/// of the request are free by the time when an instance reads it. Returns also what its response
/// needs.
///
/// # Errors
/// `NotFound` for an unknown model, `InvalidArgument` for a malformed request, and those of the room.
pub(crate) fn prepare(
    call: &Call,
    head: &RequestHead,
    mut request: InferRequest,
    body_bytes: usize,
    room: &Room<'_>,
) -> Result<(Decoded, ResponseForm), Error> {
    let route = lookup::resolve(call, &request.model, &request.version, &head.headers)?;
    request.check()?;
    let by_headers = head.options.clone();
    let options = scheduling::options(&request.parameters, by_headers, &head.headers, call)?;
    let form = ResponseForm::take(&call.app, &mut request, &route)?;
    let content = to_content(&route, request.inputs, body_bytes, room)?;
    Ok((Decoded { route, content, options, attachment: None }, form))
}
