//! `admin/traffic`: how requests are divided among the versions of models.

use grps_core::{Cause, Error, TrafficState, Weights};
use http::Response;
use serde_json::json;

use crate::admin::traffic::{SentWeights, describe, describe_all};
use crate::call::call::Call;
use crate::frontends::grps_http::encode::failure;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::response;
use crate::frontends::shared::router::no_route;
use crate::net::http::content_coding::collect;
use crate::net::http::reply_body::ReplyBody;

/// Most bytes of a body with weights.
const MAX_BODY_BYTES: usize = 16 << 10;

/// What an operator does with the traffic of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Set,
    Promote,
    RollBack,
    Pause,
    Resume,
}

impl Action {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "set" => Self::Set,
            "promote" => Self::Promote,
            "rollback" => Self::RollBack,
            "pause" => Self::Pause,
            "resume" => Self::Resume,
            _ => return None,
        })
    }
}

/// Lists the traffic of all names.
pub(super) async fn list(call: Call, _: HttpRequest) -> Response<ReplyBody> {
    response::json(json!({"traffic": describe_all(&call.app)}).to_string().into_bytes())
}

/// Runs the action of the path on the traffic of the path.
pub(super) async fn change(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let action = request.parameters.get(1).and_then(|name| Action::from_name(name));
    let Some(action) = action else { return failure(&no_route(request.parts.uri.path())) };
    match run(&call, action, request).await {
        Ok(state) => response::json(describe(&call.app, &state).to_string().into_bytes()),
        Err(error) => failure(&error),
    }
}

async fn run(call: &Call, action: Action, request: HttpRequest) -> Result<TrafficState, Error> {
    let name = request.parameters.first().cloned().unwrap_or_default();
    if !call.app.engine.health().is_loaded() {
        let text = "the service is still loading its models";
        return Err(Error::new(Cause::Unavailable, text));
    }
    let body = collect(&request.parts.headers, request.body, call).await?;
    let registry = call.app.engine.registry();
    tracing::info!(peer = %call.peer, model = name, ?action, "traffic command of the operator");
    match action {
        Action::Set => registry.set_weights(&name, read_weights(&body)?),
        Action::Promote => registry.promote(&name),
        Action::RollBack => registry.roll_back(&name),
        Action::Pause => registry.pause(&name, true),
        Action::Resume => registry.pause(&name, false),
    }
}

fn read_weights(body: &[u8]) -> Result<Weights, Error> {
    if body.len() > MAX_BODY_BYTES {
        let text = format!("weights have at most {MAX_BODY_BYTES} bytes");
        return Err(Error::new(Cause::TooLarge, text));
    }
    let sent: SentWeights = serde_json::from_slice(body).map_err(|error| {
        Error::invalid(format!(
            "the body is no object such as {{\"weights\": {{\"1.0.0\": 90, \"2.0.0\": 10}}}}: {error}"
        ))
    })?;
    Weights::new(sent.weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_have_names() {
        for (name, action) in [
            ("set", Some(Action::Set)),
            ("promote", Some(Action::Promote)),
            ("rollback", Some(Action::RollBack)),
            ("pause", Some(Action::Pause)),
            ("resume", Some(Action::Resume)),
            ("list", None),
            ("", None),
        ] {
            assert_eq!(Action::from_name(name), action, "{name}");
        }
    }

    #[test]
    fn bodies_are_bounded() {
        let padded = |length: usize| {
            let body = br#"{"weights": {"1": 1}}"#;
            [body.as_slice(), &vec![b' '; length - body.len()]].concat()
        };
        assert!(read_weights(&padded(MAX_BODY_BYTES)).is_ok());
        let error = read_weights(&padded(MAX_BODY_BYTES + 1)).unwrap_err();
        assert_eq!(error.cause(), Cause::TooLarge);
        for body in ["", "[]", "{}", r#"{"weights": {}, "more": 1}"#] {
            let error = read_weights(body.as_bytes()).unwrap_err();
            assert!(error.message().contains("the body is no object such as"), "{body}");
        }
    }
}
