//! One truth about liveness and readiness for every protocol.

use std::sync::atomic::{AtomicBool, Ordering};

/// Flags that decide whether the service is ready.
#[derive(Debug)]
pub struct Health {
    /// Every model is loaded and warmed.
    loaded: AtomicBool,
    /// The operator wants traffic (`online` / `offline`).
    online: AtomicBool,
    /// The service is shutting down.
    draining: AtomicBool,
}

/// Whether the service is ready, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Ready for traffic.
    Ready,
    /// Models are being loaded or warmed.
    Loading,
    /// Set offline by the operator.
    Offline,
    /// Shutting down.
    Draining,
    /// The models or their instances can't answer; the registry tells why.
    Troubled,
}

impl Health {
    /// Not loaded, not draining; online as given.
    pub fn new(online: bool) -> Self {
        Self {
            loaded: AtomicBool::new(false),
            online: AtomicBool::new(online),
            draining: AtomicBool::new(false),
        }
    }

    /// Tells that every model is loaded and warmed.
    pub fn set_loaded(&self) {
        self.loaded.store(true, Ordering::Release);
    }

    /// Whether every model is loaded and warmed.
    pub fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::Acquire)
    }

    /// Asks for traffic or for none.
    pub fn set_online(&self, online: bool) {
        self.online.store(online, Ordering::Release);
    }

    /// Starts draining; there is no way back.
    pub fn set_draining(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether the service is shutting down.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// The state of the flags; instances are the registry's to judge.
    pub fn readiness(&self) -> Readiness {
        if self.is_draining() {
            Readiness::Draining
        } else if !self.is_loaded() {
            Readiness::Loading
        } else if !self.online.load(Ordering::Acquire) {
            Readiness::Offline
        } else {
            Readiness::Ready
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_needs_loaded_online_and_not_draining() {
        let health = Health::new(false);
        assert_eq!(health.readiness(), Readiness::Loading);
        health.set_loaded();
        assert_eq!(health.readiness(), Readiness::Offline);
        health.set_online(true);
        assert_eq!(health.readiness(), Readiness::Ready);
        health.set_draining();
        assert_eq!(health.readiness(), Readiness::Draining);
    }
}
