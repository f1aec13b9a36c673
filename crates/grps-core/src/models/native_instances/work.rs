//! What the thread of a native instance does, whichever queue its work comes from.

use std::sync::Arc;

use crate::models::native_instances::inferer::NativeInferer;
use crate::models::native_instances::instance::LoadInferer;
use crate::models::native_instances::queue_source::QueueSource;
use crate::models::native_instances::run::run_batches;
use crate::models::native_instances::step_model::{LoadStepModel, NativeStepModel, run_steps};
use crate::request::content::InputForm;
use crate::scheduling::puller::Stopper;
use crate::scheduling::queue::Queue;
use crate::scheduling::steps::step_puller::{StepPuller, StepStopper};
use crate::scheduling::steps::step_queue::StepQueue;

/// The queue of an instance, and how its copies of the model run what is in it.
pub(crate) trait Work: Send + 'static {
    /// A loaded copy of the model.
    type Copy;
    /// The instance's end of the queue.
    type Source;

    /// Loads a copy.
    fn load(&self) -> Result<Self::Copy, String>;

    /// Attaches the instance to the queue, and says what stops it.
    fn attach(&self, name: &str) -> (Self::Source, StopWork);

    /// Runs what comes until the service or the instance stops; fails when the copy is unusable.
    fn run(source: &mut Self::Source, copy: &mut Self::Copy, name: &str) -> Result<(), String>;

    /// Detaches an instance that has failed.
    fn fail(source: Self::Source, reason: String);

    /// Whether the queue takes nothing more.
    fn is_closed(&self) -> bool;

    /// Whether nothing waits in the queue.
    fn is_empty(&self) -> bool;
}

/// Stops one instance while the others continue.
#[derive(Clone, Debug)]
pub(crate) enum StopWork {
    Requests(Stopper),
    Steps(StepStopper),
}

impl StopWork {
    pub(crate) fn stop(&self) {
        match self {
            Self::Requests(stopper) => stopper.stop(),
            Self::Steps(stopper) => stopper.stop(),
        }
    }
}

/// Batches of requests.
pub(crate) struct RequestWork {
    pub(crate) queue: Arc<Queue>,
    /// The form that the model takes its input in.
    pub(crate) form: InputForm,
    pub(crate) load: LoadInferer,
}

impl Work for RequestWork {
    type Copy = Box<dyn NativeInferer>;
    type Source = QueueSource;

    fn load(&self) -> Result<Self::Copy, String> {
        (self.load)()
    }

    fn attach(&self, name: &str) -> (QueueSource, StopWork) {
        let puller = self.queue.attach(name);
        let stopper = StopWork::Requests(puller.stopper());
        (QueueSource::new(puller, self.form), stopper)
    }

    fn run(source: &mut QueueSource, copy: &mut Self::Copy, name: &str) -> Result<(), String> {
        run_batches(source, &mut **copy, name)
    }

    fn fail(source: QueueSource, reason: String) {
        source.fail(reason);
    }

    fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

/// Steps of sequences.
pub(crate) struct StepWork {
    pub(crate) queue: Arc<StepQueue>,
    pub(crate) load: LoadStepModel,
}

impl Work for StepWork {
    type Copy = Box<dyn NativeStepModel>;
    type Source = StepPuller;

    fn load(&self) -> Result<Self::Copy, String> {
        (self.load)()
    }

    fn attach(&self, name: &str) -> (StepPuller, StopWork) {
        let puller = self.queue.attach(name);
        let stopper = StopWork::Steps(puller.stopper());
        (puller, stopper)
    }

    fn run(source: &mut StepPuller, copy: &mut Self::Copy, _name: &str) -> Result<(), String> {
        run_steps(source, &mut **copy)
    }

    fn fail(source: StepPuller, reason: String) {
        source.fail(reason);
    }

    fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}
