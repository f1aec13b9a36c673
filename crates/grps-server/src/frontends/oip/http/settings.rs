//! `logging` and `trace/setting`.

use bytes::Bytes;
use grps_core::Error;
use http::{Method, Response};

use crate::call::call::Call;
use crate::codec::Fault;
use crate::codec::json::Cursor;
use crate::frontends::oip::http::failure::failure;
use crate::frontends::oip::http::health::model_of;
use crate::frontends::oip::http::json_fields::read_parameter;
use crate::frontends::oip::http::metadata::respond;
use crate::frontends::oip::http::repository::read_body;
use crate::frontends::oip::inference::parameters::Parameters;
use crate::frontends::oip::service::{log_settings, trace_settings};
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::inference::lookup;
use crate::frontends::shared::json_object::read_object;
use crate::net::http::reply_body::ReplyBody;

/// Most values of one trace setting.
const MAX_VALUES: usize = 16;

/// Reads the log settings, or changes them.
pub(super) async fn logging(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    if request.parts.method != Method::POST {
        return respond(Ok(log_settings::read()));
    }
    let read = read_body(&call, request).await;
    let outcome = match read.and_then(|body| values_of(&call, &body)) {
        Ok(parameters) => log_settings::change(&call, &parameters).await,
        Err(error) => Err(error),
    };
    respond(outcome)
}

/// Reads the trace settings of a model, or checks a change of them.
pub(super) async fn model_trace(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let (model, version) = model_of(&request);
    match lookup::find(&call.app, model, version) {
        Ok(_) => trace(call, request).await,
        Err(error) => failure(&error),
    }
}

/// Reads the trace settings, or checks a change of them.
pub(super) async fn trace(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let settings = trace_settings::read(&call.app);
    if request.parts.method != Method::POST {
        return respond(Ok(settings));
    }
    respond(check_trace(&call, request, &settings).await.map(|()| settings))
}

/// Reads a body of names and simple values.
pub(super) fn values_of(call: &Call, body: &Bytes) -> Result<Parameters, Error> {
    let mut parameters = Parameters::default();
    call.scope.within_room(body.len(), |room| {
        read_object(body, room, |cursor, key| {
            match read_parameter(cursor).map_err(|fault| fault.in_field(key))? {
                Some(value) => Ok(parameters.add(key.to_owned(), value)?),
                None => Ok(()),
            }
        })
    })?;
    Ok(parameters)
}

async fn check_trace(
    call: &Call,
    request: HttpRequest,
    settings: &trace_settings::TraceSettings,
) -> Result<(), Error> {
    let body = read_body(call, request).await?;
    call.scope.within_room(body.len(), |room| {
        read_object(&body, room, |cursor, key| {
            let values = read_values(cursor).map_err(|fault| fault.in_field(key))?;
            let values: Option<Vec<&str>> =
                values.as_ref().map(|values| values.iter().map(String::as_str).collect());
            Ok(settings.check_change(key, values.as_deref())?)
        })
    })
}

/// Reads a text or a list of texts; `None` for `null`.
fn read_values(cursor: &mut Cursor<'_>) -> Result<Option<Vec<String>>, Fault> {
    if cursor.take_null() {
        return Ok(None);
    }
    if cursor.token() == b'"' {
        return Ok(Some(vec![cursor.string()?.into_owned()]));
    }
    let mut values = Vec::new();
    cursor.list(|cursor| {
        if values.len() >= MAX_VALUES {
            return Err(Fault::new(format!("more than {MAX_VALUES} values")));
        }
        cursor.token();
        values.push(cursor.string()?.into_owned());
        Ok(())
    })?;
    Ok(Some(values))
}
