//! The steps of a request and of its calls of models, each measured by itself.

/// A step of one call of a model, in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallStage {
    /// Waiting while all instances are busy.
    Queue,
    /// Waiting for company while an instance is idle (`batching.wait: always`).
    BatchWait,
    /// The converter's work before the model.
    Preprocess,
    /// The model, with all that the instance does besides the converter's work.
    Infer,
    /// The converter's work after the model.
    Postprocess,
}

impl CallStage {
    /// All of them, in the order of time.
    pub const ALL: [Self; 5] =
        [Self::Queue, Self::BatchWait, Self::Preprocess, Self::Infer, Self::Postprocess];

    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::BatchWait => "batch_wait",
            Self::Preprocess => "preprocess",
            Self::Infer => "infer",
            Self::Postprocess => "postprocess",
        }
    }
}

/// A step of a request outside of the models, in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestStage {
    /// Its body arrives.
    Receive,
    /// Its body becomes tensors or a message.
    Decode,
    /// Waiting for one of the `max_concurrency` places.
    Admission,
    /// The answer becomes bytes.
    Encode,
}

impl RequestStage {
    /// All of them, in the order of time.
    pub const ALL: [Self; 4] = [Self::Receive, Self::Decode, Self::Admission, Self::Encode];

    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Decode => "decode",
            Self::Admission => "admission",
            Self::Encode => "encode",
        }
    }
}
