//! Where a request or a key lies among the shares of versions.

use std::sync::atomic::{AtomicU64, Ordering};

/// The golden ratio as a part of 2^64: its multiples are spread evenly, however many there are.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The square root of 3 in the same way: steps of another length do not go along with the first.
const ROOT_OF_3: u64 = 0xBB67_AE85_84CA_A73B;

/// Gives each request a place; the places of any number of requests in a row are spread evenly.
#[derive(Debug)]
pub(crate) struct Draws {
    at: AtomicU64,
    step: u64,
}

impl Default for Draws {
    fn default() -> Self {
        Self { at: AtomicU64::default(), step: GOLDEN }
    }
}

impl Draws {
    /// Draws that are independent of those by which versions are chosen.
    pub(crate) fn of_copies() -> Self {
        Self { step: ROOT_OF_3, ..Self::default() }
    }

    /// The place of the next request, from 0 up to but without 1.
    pub(crate) fn next(&self) -> f64 {
        unit(self.at.fetch_add(self.step, Ordering::Relaxed))
    }
}

/// The place of a key for a version, above 0 and below 1. It is the same in each process.
pub(crate) fn place_of(key: &str, version: &str) -> f64 {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    // A byte that no text has ends the key, so that key and version do not run into each other.
    for byte in key.bytes().chain([0xFF]).chain(version.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    unit(hash ^ (hash >> 33)).max(f64::EPSILON)
}

/// The upper 53 bits as a part of 1.
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_spread_evenly() {
        let draws = Draws::default();
        let low = (0..10_000).filter(|_| draws.next() < 0.1).count();
        assert!((995..=1005).contains(&low), "{low}");
        // So are those of every third request, when other names take the rest.
        let third = (0..30_000).filter(|index| (draws.next() < 0.1) & (index % 3 == 0)).count();
        assert!((990..=1010).contains(&third), "{third}");
    }

    #[test]
    fn copies_are_drawn_from_all_versions() {
        let (versions, copies) = (Draws::default(), Draws::of_copies());
        let both = (0..10_000).filter(|_| (versions.next() < 0.1) & (copies.next() < 0.1)).count();
        assert!((80..=120).contains(&both), "{both}");
    }

    #[test]
    fn places_of_keys_stay_as_they_are() {
        // Services of other releases and other replicas choose the same version for a key.
        assert_eq!(place_of("user-1", "2.0.0"), place_of("user-1", "2.0.0"));
        assert!((place_of("user-1", "2.0.0") - KNOWN).abs() < 1e-15);
        assert_ne!(place_of("ab", "c"), place_of("a", "bc"));
    }

    /// The place of `user-1` for `2.0.0`.
    const KNOWN: f64 = 0.4283917759724103;
}
