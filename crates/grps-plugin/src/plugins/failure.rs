//! What a plugin says of a failure, and what becomes of it.

use grps_core::{Cause, Error, Failure};
use parking_lot::Mutex;

/// `GRPS_FAILED`.
const FAILED: i32 = 1;
/// `GRPS_BROKEN`.
const BROKEN: i32 = 2;
/// `GRPS_PLAIN`.
const PLAIN: i32 = 3;

/// Where the first failure of a call is noted: `grps_error`.
#[derive(Debug, Default)]
pub(crate) struct ErrorSlot(Mutex<Option<Failure>>);

impl ErrorSlot {
    /// Notes a failure; the first one stays.
    pub(crate) fn note(&self, failure: Failure) {
        self.0.lock().get_or_insert(failure);
    }

    /// Notes that a plugin has called a function with wrong arguments.
    pub(crate) fn note_wrong_call(&self, what: impl Into<String>) {
        self.note(Error::new(Cause::ModelFailed, what.into()).into());
    }

    /// The noted failure.
    pub(crate) fn take(&self) -> Option<Failure> {
        self.0.lock().take()
    }
}

/// What a plugin reports by a number of `grps_failure` and a message.
pub(crate) fn failure_of(number: i32, message: String) -> Failure {
    let message = if message.is_empty() && !is_plain(number) {
        "it failed without a message".to_owned()
    } else {
        message
    };
    match number {
        FAILED | PLAIN => Error::new(Cause::ModelFailed, message).into(),
        BROKEN => Failure::Instance(message),
        400..=499 => Error::refused(message, u16::try_from(number).unwrap_or_default()).into(),
        _ => {
            let message = format!("{message} (a failure of the unknown kind {number})");
            Error::new(Cause::ModelFailed, message).into()
        }
    }
}

/// Whether the client gets the message as it is, without the identifier of its request.
pub(crate) fn is_plain(number: i32) -> bool {
    number == PLAIN
}

/// The message of a failure.
pub(crate) fn message_of(failure: Failure) -> String {
    match failure {
        Failure::Run(error) => error.message().to_owned(),
        Failure::Instance(message) => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_message_may_be_empty() {
        let Failure::Run(plain) = failure_of(3, String::new()) else { panic!("a failed run") };
        assert_eq!((plain.cause(), plain.message()), (Cause::ModelFailed, ""));
        let Failure::Run(other) = failure_of(1, String::new()) else { panic!("a failed run") };
        assert_eq!(other.message(), "it failed without a message");
    }

    #[test]
    fn the_first_failure_stays() {
        let slot = ErrorSlot::default();
        slot.note(failure_of(404, "no such label".to_owned()));
        slot.note_wrong_call("later");
        let Some(Failure::Run(error)) = slot.take() else { panic!("a failed run") };
        assert_eq!((error.cause(), error.status()), (Cause::InvalidArgument, Some(404)));
        assert_eq!(error.message(), "no such label");
        assert_eq!(slot.take(), None);
    }

    #[test]
    fn numbers_become_failures() {
        assert_eq!(failure_of(2, "lost".to_owned()), Failure::Instance("lost".to_owned()));
        assert_eq!(message_of(failure_of(1, String::new())), "it failed without a message");
        let unknown = message_of(failure_of(500, "odd".to_owned()));
        assert_eq!(unknown, "odd (a failure of the unknown kind 500)");
        let Failure::Run(edge) = failure_of(400, "x".to_owned()) else { panic!("a failed run") };
        assert_eq!((edge.cause(), edge.status()), (Cause::InvalidArgument, None));
    }
}
