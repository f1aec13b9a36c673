//! A line of the access log.

use std::fmt::Display;

use grps_core::Timeline;

use crate::call::call::Call;
use crate::net::peer::Peer;

/// What the access log says of a request, noted when it begins.
pub(crate) struct AccessLine {
    peer: Peer,
    method: String,
    path: String,
}

impl AccessLine {
    /// Notes a request; `None` when the access log is off.
    pub(crate) fn begin(
        call: &Call,
        method: impl Display,
        path: impl FnOnce() -> String,
    ) -> Option<Self> {
        let is_on = call.app.settings.access_log;
        is_on.then(|| Self { peer: call.peer.clone(), method: method.to_string(), path: path() })
    }

    /// Writes the line; `status` is that of the protocol.
    pub(crate) fn write(&self, timeline: &Timeline, status: i32) {
        let Self { peer, method, path } = self;
        let (id, elapsed_us) = (timeline.id(), timeline.began().elapsed().as_micros());
        tracing::info!(%peer, id, %method, path, status, elapsed_us, "request");
    }
}
