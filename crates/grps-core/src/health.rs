//! Liveness and readiness of the service, the same for every protocol.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Flags that decide whether the service is ready.
#[derive(Debug)]
pub struct Health {
    /// Whether every model is loaded and warmed up.
    loaded: AtomicBool,
    /// Whether the operator has set the service online.
    online: AtomicBool,
    /// Whether the service is shutting down.
    draining: AtomicBool,
    /// Notified when draining starts.
    drain_started: Notify,
}

/// Whether the service is ready, or why it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Ready for traffic.
    Ready,
    /// Models are loading or warming up.
    Loading,
    /// The operator has set the service offline.
    Offline,
    /// The service is shutting down.
    Draining,
    /// Models or instances can't run requests; the registry reports the reason.
    Unhealthy,
}

impl Health {
    /// Creates the flags of a service that is neither loaded nor draining.
    pub fn new(online: bool) -> Self {
        Self {
            loaded: AtomicBool::new(false),
            online: AtomicBool::new(online),
            draining: AtomicBool::new(false),
            drain_started: Notify::new(),
        }
    }

    /// Marks every model as loaded and warmed up.
    pub fn set_loaded(&self) {
        self.loaded.store(true, Ordering::Release);
    }

    /// Whether every model is loaded and warmed up.
    pub fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::Acquire)
    }

    /// Sets the service online or offline.
    pub fn set_online(&self, online: bool) {
        self.online.store(online, Ordering::Release);
    }

    /// Starts draining. Draining can't be cancelled.
    pub fn set_draining(&self) {
        self.draining.store(true, Ordering::Release);
        self.drain_started.notify_waiters();
    }

    /// Waits until the service is shutting down.
    pub async fn wait_draining(&self) {
        let started = self.drain_started.notified();
        if !self.is_draining() {
            started.await;
        }
    }

    /// Whether the service is shutting down.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Readiness by the flags alone; the registry checks the instances.
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
    fn a_service_is_ready_when_it_is_loaded_online_and_not_draining() {
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
