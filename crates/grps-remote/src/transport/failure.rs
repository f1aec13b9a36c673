//! Why an exchange failed, and whether the endpoint had begun it.

use std::fmt;

use grps_core::{Cause, Error};

/// Why an exchange failed.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The endpoint has certainly not begun it: another one may run it. With [`Cause::Unavailable`] it
    /// takes no calls for now, with [`Cause::QueueFull`] no further ones; else this is of one exchange.
    NotBegun {
        /// Why.
        error: Error,
        /// Whether the request went out, so that another try is one more request.
        was_sent: bool,
    },
    /// The connection was lost while the endpoint may have run it.
    Lost(String),
    /// The endpoint has answered with an error.
    Answered(Error),
}

impl Failure {
    /// An exchange that never left this service.
    pub(crate) fn unsent(reason: impl fmt::Display) -> Self {
        Self::NotBegun { error: of_exchange(reason), was_sent: false }
    }

    /// An exchange that failed with this error of HTTP/2 after its head was sent.
    pub(crate) fn of_sent(error: &h2::Error) -> Self {
        let was_refused = error.reason() == Some(h2::Reason::REFUSED_STREAM);
        // An endpoint names the last stream that it may have begun: only later ones get this error.
        let was_left = error.is_go_away() && error.is_remote();
        if was_refused || was_left {
            return Self::NotBegun { error: of_exchange(error), was_sent: true };
        }
        Self::Lost(error.to_string())
    }
}

fn of_exchange(reason: impl fmt::Display) -> Error {
    Error::new(Cause::Internal, reason.to_string())
}
