//! One request on its way through the service, whatever protocol it came by.

use std::sync::Arc;

use grps_core::metrics::Protocol;
use grps_core::{Error, Route, RouteQuery, Timeline};

use crate::app::App;
use crate::call::request_scope::RequestScope;
use crate::net::peer::Peer;

/// What code that serves a request needs besides the request itself.
#[derive(Clone)]
pub(crate) struct Call {
    /// Engine and settings.
    pub(crate) app: Arc<App>,
    /// The other end of the connection.
    pub(crate) peer: Peer,
    /// The request's identifier, and where its steps are noted.
    pub(crate) timeline: Arc<Timeline>,
    /// Keeps shutdown waiting for the response, and counts it.
    pub(crate) scope: Arc<RequestScope>,
}

impl Call {
    /// Begins a request: from here on it counts as in flight.
    pub(crate) fn begin(
        app: Arc<App>,
        peer: Peer,
        timeline: Arc<Timeline>,
        protocol: Protocol,
    ) -> Self {
        let scope = Arc::new(RequestScope::new(&app, Arc::clone(&timeline), protocol));
        Self { app, peer, timeline, scope }
    }

    /// Chooses the route of an inference request.
    ///
    /// # Errors
    /// `NotFound` for an unknown model, `Unavailable` while models are loading.
    pub(crate) fn resolve(&self, query: &RouteQuery<'_>) -> Result<Route, Error> {
        self.app.engine.resolve(query)
    }

    /// Records and logs why an inference request failed.
    pub(crate) fn fail(&self, error: &Error) {
        self.scope.judge(Some(error.cause()));
        let (id, peer, cause) = (self.timeline.id(), &self.peer, error.cause());
        tracing::warn!(id, %peer, ?cause, %error, "predict failed");
    }
}
