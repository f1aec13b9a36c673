//! A predict call over gRPC, as an inference request.

use bytes::Bytes;
use grps_core::metrics::RequestStage;
use grps_core::{Content, Error, InputForm, SchedulingOptions};
use http::HeaderMap;

use crate::call::call::Call;
use crate::call::inference::{Decoded, Inference};
use crate::codec::proto;
use crate::frontends::grps_grpc::encode;
use crate::frontends::shared::input;
use crate::frontends::shared::resolve::resolve;

/// A call of `Predict` or `PredictStreaming` whose message has been read.
pub(super) struct Predict {
    /// The encoded `GrpsMessage`; dropped after decoding.
    message: Bytes,
    metadata: HeaderMap,
    options: SchedulingOptions,
}

impl Predict {
    /// Creates a call whose message has just been read.
    pub(super) fn new(
        call: &Call,
        message: Bytes,
        metadata: HeaderMap,
        options: SchedulingOptions,
    ) -> Self {
        call.timeline.note_stage_end(RequestStage::Receive);
        Self { message, metadata, options }
    }
}

impl Inference for Predict {
    type Reply = Bytes;

    fn decode_bytes(&self) -> usize {
        self.message.len()
    }

    fn decode(&mut self, call: &Call) -> Result<Decoded, Error> {
        let message = std::mem::take(&mut self.message);
        let route = resolve(call, proto::peek_model(&message)?, &self.metadata)?;
        let bytes = message.len();
        let content = call.scope.within_room(bytes, |room| match route.form() {
            InputForm::Message => input::to_message(&route, message, bytes, room),
            InputForm::Tensors => {
                let message = proto::decode_within(&message, room)?;
                input::to_tensors(&route, message, room).map(Content::Tensors)
            }
        })?;
        Ok(Decoded { route, content, options: self.options.clone(), attachment: None })
    }

    fn encode_bytes(&self, output: &Content) -> usize {
        output.byte_len()
    }

    fn encode(&self, output: Content) -> Result<Bytes, Error> {
        encode::whole(output)
    }
}
