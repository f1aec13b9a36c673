//! `admin/models`: what is served, and loading, unloading and reloading it.

use grps_core::{Cause, Error};
use http::Response;

use crate::admin::commands::Action;
use crate::call::call::Call;
use crate::frontends::grps_http::encode::{failure, json_response};
use crate::frontends::shared::endpoint::HttpRequest;
use crate::net::reply_body::ReplyBody;

/// Longest name of a model with its version.
const MAX_NAME_BYTES: usize = 257;

/// Lists the models.
pub(super) async fn list(call: Call, _: HttpRequest) -> Response<ReplyBody> {
    respond(run(&call, Action::List, "").await)
}

/// Changes one model, by the name and the action of the path.
pub(super) async fn act(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let [model, action] = request.parameters.as_slice() else {
        return failure(&Error::new(Cause::Internal, "the route has no model and action"));
    };
    match action_of(model, action) {
        Some(action) => respond(run(&call, action, model).await),
        None => {
            let path = request.parts.uri.path();
            let message = format!("no route {path}; the API is under /grps/v1/");
            failure(&Error::new(Cause::NotFound, message))
        }
    }
}

/// The action of this name, if the model may be called so.
fn action_of(model: &str, action: &str) -> Option<Action> {
    Action::of(action).filter(|action| *action != Action::List && is_name(model))
}

async fn run(call: &Call, action: Action, model: &str) -> Result<String, Error> {
    if !call.app.engine.health().is_loaded() {
        let text = "the service is still loading its models";
        return Err(Error::new(Cause::Unavailable, text));
    }
    if action != Action::List {
        tracing::info!(peer = %call.peer, action = action.name(), model, "asked by the operator");
    }
    call.app.commands.run(action, model.to_owned()).await
}

fn respond(outcome: Result<String, Error>) -> Response<ReplyBody> {
    match outcome {
        Ok(text) => json_response(text.into_bytes()),
        Err(error) => failure(&error),
    }
}

fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=MAX_NAME_BYTES).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_have_actions() {
        assert_eq!(action_of("m-1.0", "reload"), Some(Action::Reload));
        for (model, action) in [("m", "list"), ("", "load"), ("a%20b", "load"), ("m", "x")] {
            assert_eq!(action_of(model, action), None, "{model}/{action}");
        }
        let longest = "a".repeat(MAX_NAME_BYTES);
        assert!(action_of(&longest, "load").is_some());
        assert!(action_of(&format!("{longest}a"), "load").is_none());
    }
}
