//! `admin/models`: lists, loads, unloads and reloads models.

use grps_core::{Cause, Error};
use http::Response;

use crate::admin::commands::Action;
use crate::call::call::Call;
use crate::frontends::grps_http::encode::failure;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::response;
use crate::frontends::shared::router::no_route;
use crate::net::http::reply_body::ReplyBody;

/// Maximum length of a model name with its version.
const MAX_NAME_BYTES: usize = 257;

/// Lists the models.
pub(super) async fn list(call: Call, _: HttpRequest) -> Response<ReplyBody> {
    respond(run(&call, Action::List, "").await)
}

/// Runs the action of the path on the model of the path.
pub(super) async fn change(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let [model, action] = request.parameters.as_slice() else {
        return failure(&Error::new(
            Cause::Internal,
            "the route has no parameters model and action",
        ));
    };
    match parse_action(model, action) {
        Some(action) => respond(run(&call, action, model).await),
        None => failure(&no_route(request.parts.uri.path())),
    }
}

/// Parses an action, unless the model name is invalid.
fn parse_action(model: &str, action: &str) -> Option<Action> {
    Action::from_name(action).filter(|action| *action != Action::List && is_valid_name(model))
}

async fn run(call: &Call, action: Action, model: &str) -> Result<String, Error> {
    if !call.app.engine.health().is_loaded() {
        let text = "the service is still loading its models";
        return Err(Error::new(Cause::Unavailable, text));
    }
    if action != Action::List {
        tracing::info!(peer = %call.peer, action = action.name(), model, "model command of the operator");
    }
    call.app.commands.run(action, model.to_owned()).await
}

fn respond(outcome: Result<String, Error>) -> Response<ReplyBody> {
    match outcome {
        Ok(text) => response::json(text.into_bytes()),
        Err(error) => failure(&error),
    }
}

fn is_valid_name(text: &str) -> bool {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=MAX_NAME_BYTES).contains(&text.len()) && text.bytes().all(is_valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_need_a_valid_model_name() {
        assert_eq!(parse_action("m-1.0", "reload"), Some(Action::Reload));
        for (model, action) in [("m", "list"), ("", "load"), ("a%20b", "load"), ("m", "x")] {
            assert_eq!(parse_action(model, action), None, "{model}/{action}");
        }
        let longest = "a".repeat(MAX_NAME_BYTES);
        assert!(parse_action(&longest, "load").is_some());
        assert!(parse_action(&format!("{longest}a"), "load").is_none());
    }
}
