//! The heartbeat of what runs requests after an instance has taken them: an event loop.

use std::ops::Deref;
use std::sync::Arc;

use crate::scheduling::instance_health::Heartbeat;
use crate::scheduling::queue::Queue;

/// A heartbeat that shows in the health of a model until it is dropped, without a puller.
#[derive(Debug)]
pub struct LoopHeartbeat {
    /// The queue of the model, which has its health.
    queue: Arc<Queue>,
    /// The heartbeat.
    heartbeat: Heartbeat,
}

impl Queue {
    /// Adds a heartbeat by the name of what beats.
    pub fn add_heartbeat(self: &Arc<Self>, name: &str) -> LoopHeartbeat {
        LoopHeartbeat { queue: Arc::clone(self), heartbeat: self.health.attach(name, false) }
    }
}

impl Deref for LoopHeartbeat {
    type Target = Heartbeat;

    fn deref(&self) -> &Heartbeat {
        &self.heartbeat
    }
}

impl Drop for LoopHeartbeat {
    fn drop(&mut self) {
        self.queue.health.detach(&self.heartbeat, None);
    }
}
