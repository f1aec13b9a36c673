//! `admin/models`: what is served, and loading, unloading and reloading it.

use grps_core::{Cause, Error};
use http::{HeaderMap, Response};

use super::respond;
use crate::admin::access::authorize;
use crate::admin::commands::Action;
use crate::call::dispatch::Call;
use crate::net::reply_body::ReplyBody;

/// The path of all models; a model's actions are under it, `NAME/ACTION`.
const MODELS: &str = "/grps/v1/admin/models";
/// Longest name of a model with its version.
const LONGEST_NAME: usize = 257;

/// What a path under `admin/models` asks for; `None` when it is another path.
pub(super) fn asked(path: &str) -> Option<(Action, &str)> {
    let rest = path.strip_prefix(MODELS)?;
    if rest.is_empty() {
        return Some((Action::List, ""));
    }
    let (model, action) = rest.strip_prefix('/')?.split_once('/')?;
    let action = Action::of(action).filter(|action| *action != Action::List)?;
    is_name(model).then_some((action, model))
}

/// Does what is asked and answers with its outcome.
pub(super) async fn answer(
    call: &Call,
    headers: &HeaderMap,
    (action, model): (Action, &str),
) -> Response<ReplyBody> {
    match run(call, headers, action, model).await {
        Ok(text) => respond::json(text.into_bytes()),
        Err(error) => respond::failure(&error),
    }
}

async fn run(
    call: &Call,
    headers: &HeaderMap,
    action: Action,
    model: &str,
) -> Result<String, Error> {
    let app = &call.app;
    authorize(call.peer.ip(), headers, app.settings.admin_token.as_deref())?;
    if !app.engine.health().is_loaded() {
        let text = "the service is still loading its models";
        return Err(Error::new(Cause::Unavailable, text));
    }
    if action != Action::List {
        tracing::info!(peer = %call.peer, action = action.name(), model, "asked by the operator");
    }
    app.commands.run(action, model.to_owned()).await
}

fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_paths_with_names_are_asked() {
        let root = MODELS;
        assert_eq!(asked(root), Some((Action::List, "")));
        assert_eq!(asked(&format!("{root}/m-1.0/reload")), Some((Action::Reload, "m-1.0")));
        for path in ["/", "/m", "s", "/m/list", "/m/", "//load", "/a%20b/load", "/m/load/", "/m/x"]
        {
            assert_eq!(asked(&format!("{root}{path}")), None, "{path}");
        }
        let longest = "a".repeat(LONGEST_NAME);
        assert!(asked(&format!("{root}/{longest}/load")).is_some());
        assert!(asked(&format!("{root}/{longest}a/load")).is_none());
    }
}
