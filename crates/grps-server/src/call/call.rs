//! The context of one request, for every protocol.

use std::sync::Arc;

use grps_core::metrics::Protocol;
use grps_core::{Cause, Error, Route, RouteQuery, Timeline};

use crate::app::App;
use crate::call::request_scope::RequestScope;
use crate::net::peer::Peer;

/// The context of one request: all that a route needs besides the request itself.
#[derive(Clone)]
pub(crate) struct Call {
    /// State of the service.
    pub(crate) app: Arc<App>,
    /// The other end of the connection.
    pub(crate) peer: Peer,
    /// Identifier and stages of the request.
    pub(crate) timeline: Arc<Timeline>,
    /// Counts the request; shutdown waits until it is dropped.
    pub(crate) scope: Arc<RequestScope>,
}

impl Call {
    /// Starts a request, which counts as in flight from now on.
    pub(crate) fn start(
        app: Arc<App>,
        peer: Peer,
        timeline: Arc<Timeline>,
        protocol: Protocol,
    ) -> Self {
        let scope = Arc::new(RequestScope::new(&app, Arc::clone(&timeline), protocol));
        Self { app, peer, timeline, scope }
    }

    /// Selects the route of an inference request, which is counted for that route.
    ///
    /// # Errors
    /// `NotFound` for an unknown model, `Unavailable` while models are loading.
    pub(crate) fn resolve(&self, query: &RouteQuery<'_>) -> Result<Route, Error> {
        self.find_route(query).inspect(|route| self.scope.set_route(route))
    }

    /// Finds a route that the request may not take in the end; it is not counted for it.
    ///
    /// # Errors
    /// See [`Call::resolve`].
    pub(crate) fn find_route(&self, query: &RouteQuery<'_>) -> Result<Route, Error> {
        // One place for the request, however often its route is looked for.
        let draw = Some(self.scope.draw());
        self.app.engine.resolve(&RouteQuery { draw, ..*query })
    }

    /// Records and logs the failure of an inference request.
    pub(crate) fn report_failure(&self, error: &Error) {
        self.scope.record_failure(error);
        let (id, peer, cause) = (self.timeline.id(), &self.peer, error.cause());
        // The log limits the rate of each of the two lines: many requests of clients that fail do not
        // hide a failure of the service.
        if matches!(cause, Cause::ModelFailed | Cause::Internal) {
            tracing::warn!(id, %peer, ?cause, %error, "predict failed");
        } else {
            tracing::warn!(id, %peer, ?cause, %error, "predict failed");
        }
    }
}
