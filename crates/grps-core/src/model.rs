//! A served model: what clients may send it and the queue its instances pull from.

use std::sync::Arc;

use crate::content::InputForm;
use crate::queue::Queue;
use crate::signature::Signature;

/// What is known of a model when it is registered.
#[derive(Clone, Debug)]
pub struct ModelSpec {
    /// Name without the version.
    pub name: String,
    /// Version.
    pub version: String,
    /// The form its instances take their input in.
    pub form: InputForm,
    /// Inputs and outputs; `None` when user code decides.
    pub signature: Option<Signature>,
    /// YAML text that `metadata/model` answers.
    pub metadata: String,
}

/// A registered model.
#[derive(Debug)]
pub struct Model {
    /// What it was registered with.
    spec: ModelSpec,
    /// `name-version`, the name clients use.
    key: String,
    /// Requests that wait for an instance.
    queue: Arc<Queue>,
}

impl Model {
    /// Makes a model with an empty queue.
    pub fn new(spec: ModelSpec) -> Self {
        let key = format!("{}-{}", spec.name, spec.version);
        Self { spec, key, queue: Arc::default() }
    }

    /// What it was registered with.
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// `name-version`.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Requests that wait for an instance.
    pub fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }
}
