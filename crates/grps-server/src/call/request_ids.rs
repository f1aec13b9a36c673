//! Identifiers of requests; they link a response, its log lines and the records of the client.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use grps_core::{Timeline, TraceContext};

const MAX_LENGTH: usize = 128;
const GOLDEN_RATIO: u64 = 0x9E37_79B9_7F4A_7C15;

/// Generates identifiers that are unique within a process and differ between processes.
#[derive(Debug)]
pub(crate) struct RequestIds {
    /// Counter behind the numbers.
    next: AtomicU64,
}

impl Default for RequestIds {
    fn default() -> Self {
        Self { next: AtomicU64::new(RandomState::new().hash_one(std::process::id())) }
    }
}

impl RequestIds {
    /// Starts the timeline of a request with the identifier of the client, if it is valid, otherwise
    /// with a new one of 16 hexadecimal digits.
    pub(crate) fn start_timeline(
        &self,
        sent: Option<&str>,
        trace: Option<TraceContext>,
    ) -> Timeline {
        match sent {
            Some(id) if is_valid(id) => Timeline::new(id, trace),
            _ => {
                let mut text = [0; 16];
                Timeline::new(write_hex(self.next_number(), &mut text), trace)
            }
        }
    }

    /// Returns a number that is unique within the process.
    pub(crate) fn next_number(&self) -> u64 {
        // splitmix64: a bijection of the counter, so numbers do not repeat.
        let mut mixed = self.next.fetch_add(GOLDEN_RATIO, Ordering::Relaxed);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// Formats a number as 16 hexadecimal digits.
fn write_hex(number: u64, text: &mut [u8; 16]) -> &str {
    for (digit, shift) in text.iter_mut().zip((0..64).step_by(4).rev()) {
        let nibble = ((number >> shift) & 0xF) as u8;
        *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    }
    str::from_utf8(text).unwrap_or_default()
}

/// Whether an identifier is short visible ASCII, safe for headers and log lines.
fn is_valid(id: &str) -> bool {
    (1..=MAX_LENGTH).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(sent: &str) -> String {
        RequestIds::default().start_timeline(Some(sent), None).id().to_owned()
    }

    #[test]
    fn valid_identifiers_are_kept() {
        assert_eq!(id_for("abc-1"), "abc-1");
        assert_eq!(id_for(&"x".repeat(128)).len(), 128);
    }

    #[test]
    fn invalid_identifiers_are_replaced() {
        for id in ["", "a b", &"x".repeat(129)] {
            assert_eq!(id_for(id).len(), 16);
        }
    }

    #[test]
    fn generated_identifiers_are_unique() {
        let ids = RequestIds::default();
        let numbers: std::collections::HashSet<_> = (0..1000).map(|_| ids.next_number()).collect();
        assert_eq!(numbers.len(), 1000);
        assert_eq!(write_hex(0x0123_4567_89ab_cdef, &mut [0; 16]), "0123456789abcdef");
    }
}
