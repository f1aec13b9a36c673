//! Identifiers that tie an answer, its log lines and the client's own records together.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use grps_core::{Timeline, TraceContext};

const MAX_LENGTH: usize = 128;
const GOLDEN_RATIO: u64 = 0x9E37_79B9_7F4A_7C15;

/// Makes identifiers that differ between processes and never repeat within one.
#[derive(Debug)]
pub(crate) struct RequestIds {
    next: AtomicU64,
}

impl Default for RequestIds {
    fn default() -> Self {
        Self { next: AtomicU64::new(RandomState::new().hash_one(std::process::id())) }
    }
}

impl RequestIds {
    /// Begins a request under the identifier that the client sent if it is a sane one, else under a
    /// new one of 16 hexadecimal digits.
    pub(crate) fn begin(&self, sent: Option<&str>, trace: Option<TraceContext>) -> Timeline {
        match sent {
            Some(id) if is_sane(id) => Timeline::new(id, trace),
            _ => {
                let mut text = [0; 16];
                Timeline::new(write_hex(self.number(), &mut text), trace)
            }
        }
    }

    /// A number that was not made before.
    pub(crate) fn number(&self) -> u64 {
        // A Weyl sequence through splitmix64's mixer: each value of the counter has its own image.
        let mut mixed = self.next.fetch_add(GOLDEN_RATIO, Ordering::Relaxed);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// A number as hexadecimal digits.
fn write_hex(number: u64, text: &mut [u8; 16]) -> &str {
    for (digit, shift) in text.iter_mut().zip((0..64).step_by(4).rev()) {
        let nibble = ((number >> shift) & 0xF) as u8;
        *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    }
    str::from_utf8(text).unwrap_or_default()
}

/// Short visible ASCII: fit for a header and for a log line.
fn is_sane(id: &str) -> bool {
    (1..=MAX_LENGTH).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(id: &str) -> String {
        RequestIds::default().begin(Some(id), None).id().to_owned()
    }

    #[test]
    fn a_sane_identifier_is_kept() {
        assert_eq!(sent("abc-1"), "abc-1");
        assert_eq!(sent(&"x".repeat(128)).len(), 128);
    }

    #[test]
    fn others_are_replaced() {
        for id in ["", "a b", &"x".repeat(129)] {
            assert_eq!(sent(id).len(), 16);
        }
    }

    #[test]
    fn new_identifiers_differ() {
        let ids = RequestIds::default();
        let made: std::collections::HashSet<_> = (0..1000).map(|_| ids.number()).collect();
        assert_eq!(made.len(), 1000);
        assert_eq!(write_hex(0x0123_4567_89ab_cdef, &mut [0; 16]), "0123456789abcdef");
    }
}
