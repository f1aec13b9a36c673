//! The stages of a request and of its model calls, each with its own histogram.

/// A stage of a model call, in chronological order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallStage {
    /// The call waits because all instances are busy.
    Queue,
    /// The call waits to fill the batch while an instance is idle (`batching.wait: always`).
    BatchWait,
    /// The converter prepares the input.
    Preprocess,
    /// The model runs, including all work of the instance outside the converter.
    Infer,
    /// The converter processes the output.
    Postprocess,
}

impl CallStage {
    /// All stages in chronological order.
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

/// A stage of a request outside the models, in chronological order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestStage {
    /// The body arrives.
    Receive,
    /// The body is decoded to tensors or a message.
    Decode,
    /// The request waits for one of the `max_concurrency` permits.
    Admission,
    /// The response is encoded.
    Encode,
}

impl RequestStage {
    /// All stages in chronological order.
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
