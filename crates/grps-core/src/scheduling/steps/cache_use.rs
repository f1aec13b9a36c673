//! How much of the caches of the instances of one model is in use.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Parts of a whole cache.
const PARTS: f64 = 1e6;

/// The sum over the instances that say it.
#[derive(Debug, Default)]
pub(crate) struct CacheUse {
    parts: AtomicU64,
    instances: AtomicUsize,
}

/// What one instance has said last.
#[derive(Debug, Default)]
pub(crate) struct CacheNote(Option<u64>);

impl CacheUse {
    /// Mean share of the caches that is in use; `None` if no instance says it.
    pub(crate) fn read(&self) -> Option<f64> {
        let instances = self.instances.load(Ordering::Relaxed);
        let parts = self.parts.load(Ordering::Relaxed);
        (instances > 0).then(|| parts as f64 / PARTS / instances as f64)
    }

    /// Replaces what an instance has said. `None` takes it back.
    pub(crate) fn note(&self, last: &mut CacheNote, share: Option<f32>) {
        // A share that is no number counts as nothing.
        let parts = share.map(|share| (f64::from(share.clamp(0.0, 1.0)) * PARTS).round() as u64);
        if let Some(parts) = parts {
            self.parts.fetch_add(parts, Ordering::Relaxed);
            self.instances.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(parts) = std::mem::replace(&mut last.0, parts) {
            self.parts.fetch_sub(parts, Ordering::Relaxed);
            self.instances.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_mean_of_the_instances() {
        let (all, mut one, mut other) = Default::default();
        let _: (&CacheUse, &mut CacheNote, &mut CacheNote) = (&all, &mut one, &mut other);
        assert_eq!(all.read(), None);
        all.note(&mut one, Some(0.5));
        assert_eq!(all.read(), Some(0.5));
        all.note(&mut other, Some(1.0));
        assert_eq!(all.read(), Some(0.75));
        all.note(&mut one, Some(0.0));
        assert_eq!(all.read(), Some(0.5));
        all.note(&mut one, None);
        assert_eq!(all.read(), Some(1.0));
        all.note(&mut other, None);
        assert_eq!(all.read(), None);
        all.note(&mut other, None);
        assert_eq!(all.read(), None);
    }

    #[test]
    fn what_is_no_share_is_limited() {
        let (all, mut one) = (CacheUse::default(), CacheNote::default());
        for (said, read) in [(1.5, 1.0), (-0.5, 0.0), (f32::NAN, 0.0), (f32::INFINITY, 1.0)] {
            all.note(&mut one, Some(said));
            assert_eq!(all.read(), Some(read));
        }
    }
}
