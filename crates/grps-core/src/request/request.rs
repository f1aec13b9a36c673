//! A decoded request on its way into the engine.

use std::any::Any;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::request::content::Content;
use crate::request::timeline::Timeline;

/// Something of the protocol's that instances may look into; the engine does not.
pub type Attachment = Arc<dyn Any + Send + Sync>;

/// What instances leave for the request's next model.
pub type Session = Arc<Mutex<CarriedState>>;

/// What instances left for a request's next model.
#[derive(Default)]
pub struct CarriedState {
    /// An object that instances in one process understand.
    pub object: Option<Box<dyn Any + Send>>,
    /// What plugins in one process understand, which keep it themselves.
    pub native: Option<Box<dyn Any + Send>>,
    /// Whether the object holds something that user code put there.
    pub filled: bool,
    /// Whether user code put something where the next model can't see it: into another process.
    pub elsewhere: bool,
}

impl std::fmt::Debug for CarriedState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { object, native, filled, elsewhere } = self;
        let (object, native) = (object.is_some(), native.is_some());
        f.debug_struct("CarriedState")
            .field("object", &object)
            .field("native", &native)
            .field("filled", filled)
            .field("elsewhere", elsewhere)
            .finish()
    }
}

/// What the engine needs to know of a request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who it is, and where its steps are noted.
    pub timeline: Arc<Timeline>,
    /// The input.
    pub content: Content,
    /// What the client asks of the scheduling.
    pub options: SchedulingOptions,
    /// What the protocol hands to the instances, such as the HTTP request as it came.
    pub attachment: Option<Attachment>,
}

/// What a client asks of the scheduling of its request.
#[derive(Clone, Debug)]
pub struct SchedulingOptions {
    /// When the client stops waiting; `None` for no limit.
    pub deadline: Option<Instant>,
    /// Urgency, 0 for the most urgent; a model with fewer levels takes it as its last.
    pub priority: u8,
    /// Requests with different keys never share a batch.
    pub batch_key: Option<Arc<str>>,
    /// Whose turn it is when requests wait; `None` for nobody in particular.
    pub client: Option<IpAddr>,
}

impl Default for SchedulingOptions {
    /// No deadline and no urgency.
    fn default() -> Self {
        Self { deadline: None, priority: u8::MAX, batch_key: None, client: None }
    }
}
