//! `/models` and `/models/MODEL[/VERSION]`: which models are served, and how.

use std::sync::Arc;

use grps_core::{Cause, Error, Model, RouteQuery, quoted};
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use crate::call::call::Call;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::response::respond;
use crate::frontends::torchserve::error::{self, JSON, pretty};
use crate::net::http::reply_body::ReplyBody;

/// Models of one page, as in TorchServe.
const PAGE: usize = 100;
/// The version that stands for all of them.
const ALL: &str = "all";
/// The largest number of TorchServe's clients, for a queue without a limit of its own.
const MAX_CAPACITY: usize = i32::MAX as usize;
/// The name of the first worker; TorchServe names them by their ports.
const FIRST_WORKER: usize = 9000;

/// Lists the models by name, each by its latest version.
pub(super) async fn list(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    match Page::parse(request.parts.uri.query()) {
        Ok(page) => respond(StatusCode::OK, JSON, pretty(&page.of(&call))),
        Err(error) => error::failure(&error),
    }
}

/// Describes a model: its latest version, the one in the path, or all of them.
pub(super) async fn describe(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let name = request.parameters.first().map(String::as_str).unwrap_or_default();
    let version = request.parameters.get(1).map(String::as_str);
    match described(&call, name, version) {
        Ok(described) => respond(StatusCode::OK, JSON, pretty(&described)),
        Err(error) => error::failure(&error),
    }
}

/// What is known of the versions of a model: the latest one, this one, or `all`.
///
/// # Errors
/// `NotFound` when there is none.
pub(super) fn described(call: &Call, name: &str, version: Option<&str>) -> Result<Value, Error> {
    Ok(find(call, name, version)?.iter().map(|model| describe_one(model)).collect())
}

fn names(call: &Call) -> Vec<String> {
    let models = call.app.engine.registry().models();
    let mut names: Vec<String> = models.iter().map(|model| model.spec().name.clone()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn find(call: &Call, name: &str, version: Option<&str>) -> Result<Vec<Arc<Model>>, Error> {
    let models = call.app.engine.registry().models();
    let named = models.into_iter().filter(|model| model.spec().name == name);
    let mut found: Vec<_> = match version {
        Some(ALL) => named.collect(),
        Some(version) => named.filter(|model| model.spec().version == version).collect(),
        None => named.filter(|model| Some(model.key()) == latest(call, name).as_deref()).collect(),
    };
    found.sort_by(|one, other| one.key().cmp(other.key()));
    if found.is_empty() {
        let version = version.map(|version| format!(" version: {}", quoted(version)));
        let message = format!("Model not found: {}{}", quoted(name), version.unwrap_or_default());
        return Err(Error::new(Cause::NotFound, message));
    }
    Ok(found)
}

/// The key of the version that serves requests without one.
fn latest(call: &Call, name: &str) -> Option<String> {
    let route = call.app.engine.resolve(&RouteQuery::named(name)).ok()?;
    route.models().first().map(|model| model.key().to_owned())
}

fn describe_one(model: &Model) -> Value {
    let (spec, executor) = (model.spec(), model.executor());
    let instances = executor.instances();
    let pending = executor.queue_length();
    let batching = &spec.batching;
    let workers: Vec<Value> = (FIRST_WORKER..)
        .take(instances)
        .map(|id| json!({"id": id.to_string(), "status": "READY"}))
        .collect();
    json!({
        "modelName": spec.name,
        "modelVersion": spec.version,
        "modelUrl": model.key(),
        "runtime": "python",
        "minWorkers": instances,
        "maxWorkers": instances,
        "batchSize": batching.max_rows.max(1),
        "maxBatchDelay": u64::try_from(batching.window.as_millis()).unwrap_or(u64::MAX),
        "loadedAtStartup": true,
        "workers": workers,
        "jobQueueStatus": {
            "remainingCapacity": batching.max_length.min(MAX_CAPACITY).saturating_sub(pending),
            "pendingRequests": pending,
        },
    })
}

/// A page of the list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    first: usize,
    limit: usize,
}

impl Page {
    /// A page that begins with the model of this number; 0 stands for the largest one.
    pub(super) fn new(first: usize, limit: usize) -> Self {
        Self { first, limit: if limit == 0 { PAGE } else { limit.min(PAGE) } }
    }

    /// Reads `limit` and `next_page_token` of a query.
    ///
    /// # Errors
    /// `InvalidArgument` when one of them is not a number.
    fn parse(query: Option<&str>) -> Result<Self, Error> {
        let mut page = Self { first: 0, limit: PAGE };
        for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let number = || {
                let error =
                    || Error::invalid(format!("{key} must be a number, not {}", quoted(&value)));
                value.parse::<usize>().map_err(|_| error())
            };
            match &*key {
                "limit" => page.limit = number()?.clamp(1, PAGE),
                "next_page_token" => page.first = number()?,
                _ => {}
            }
        }
        Ok(page)
    }

    /// The models of the page.
    pub(super) fn of(&self, call: &Call) -> Value {
        let names = names(call);
        let end = self.first.saturating_add(self.limit);
        let shown = names.iter().skip(self.first).take(self.limit);
        let describe = |name: &String| json!({"modelName": name, "modelUrl": latest(call, name)});
        let mut page = Map::new();
        if end < names.len() {
            page.insert("nextPageToken".to_owned(), end.to_string().into());
        }
        page.insert("models".to_owned(), shown.map(describe).collect());
        page.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_at_most_a_hundred_models() {
        assert_eq!(Page::parse(None).unwrap(), Page { first: 0, limit: 100 });
        let page = Page::parse(Some("limit=101&next_page_token=7&x=y")).unwrap();
        assert_eq!(page, Page { first: 7, limit: 100 });
        assert_eq!(Page::parse(Some("limit=0")).unwrap().limit, 1);
        for query in ["limit=-1", "limit=a", "next_page_token=99999999999999999999"] {
            assert_eq!(Page::parse(Some(query)).unwrap_err().cause(), Cause::InvalidArgument);
        }
    }
}
