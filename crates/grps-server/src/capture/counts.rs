//! What captures of a service have counted.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why a sampled request was not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeftOut {
    /// Too much waited to be written.
    QueueFull,
    /// Its contents were larger than a record may be.
    TooLarge,
    /// Its reply was a stream.
    Stream,
    /// User code read the HTTP request and wrote the response itself.
    HttpExchange,
    /// It could not be encoded or written.
    WriteFailed,
}

impl LeftOut {
    /// All reasons, in the order of the counters.
    pub(crate) const ALL: [Self; 5] =
        [Self::QueueFull, Self::TooLarge, Self::Stream, Self::HttpExchange, Self::WriteFailed];

    /// The name in metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::TooLarge => "too_large",
            Self::Stream => "stream",
            Self::HttpExchange => "http_exchange",
            Self::WriteFailed => "write_failed",
        }
    }
}

/// Counters since the service began.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    recorded: AtomicU64,
    left_out: [AtomicU64; LeftOut::ALL.len()],
}

impl Counts {
    pub(super) fn add_recorded(&self, count: u64) {
        self.recorded.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn add_left_out(&self, why: LeftOut, more: u64) {
        if let Some(count) = self.left_out.get(why as usize) {
            count.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// Requests that were written.
    pub(crate) fn recorded(&self) -> u64 {
        self.recorded.load(Ordering::Relaxed)
    }

    /// Sampled requests that were not, for a reason.
    pub(crate) fn left_out(&self, why: LeftOut) -> u64 {
        self.left_out.get(why as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_counter() {
        let counts = Counts::default();
        for why in LeftOut::ALL {
            counts.add_left_out(why, 1);
            assert_eq!(counts.left_out(why), 1, "{why:?}");
        }
    }
}
