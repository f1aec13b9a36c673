//! The path of every inference request: decode, resolve, admit, run, encode, measure, log.
//!
//! Front ends implement [`Inference`] to decode their requests and encode their responses.

use std::future::poll_fn;

use grps_core::metrics::RequestStage;
use grps_core::{Attachment, Content, Error, Request, Route, SchedulingOptions};

use crate::call::call::Call;
use crate::call::reply_stream::{ReplyStream, StreamEncoding};
use crate::call::token_charge::TokenCharge;
use crate::capture::captured::Captured;

/// An inference request of a front end: its decoding and encoding.
pub(crate) trait Inference: Send + Sync {
    /// The encoded response.
    type Reply;

    /// The cost of decoding in bytes. Large bodies are decoded in a blocking section.
    fn decode_bytes(&self) -> usize;

    /// Decodes the request and resolves its route. It is called once and can drop the body.
    ///
    /// # Errors
    /// Errors of the request, and the errors of [`Call::resolve`].
    fn decode(&mut self, call: &Call) -> Result<Decoded, Error>;

    /// The cost of encoding an output, as bytes of JSON that could be decoded in the same time.
    fn encode_bytes(&self, output: &Content) -> usize;

    /// Encodes the whole output.
    ///
    /// # Errors
    /// `ModelFailed` when the output can't be encoded in this protocol.
    fn encode(&self, output: Content) -> Result<Self::Reply, Error>;
}

/// A decoded inference request.
pub(crate) struct Decoded {
    /// The models that run the request.
    pub(crate) route: Route,
    /// The input in the form that the route requires.
    pub(crate) content: Content,
    /// Deadline, priority, batch key and client.
    pub(crate) options: SchedulingOptions,
    /// Additional data for instances.
    pub(crate) attachment: Option<Attachment>,
}

/// Runs a request and encodes its whole output.
///
/// # Errors
/// The first error; the caller passes it to [`Call::report_failure`].
pub(crate) async fn run<I: Inference>(call: &Call, mut inference: I) -> Result<I::Reply, Error> {
    let (route, request, charge) = prepare(call, &mut inference).await?;
    let captured = Captured::begin(call, &route, &request);
    let outcome = call.app.engine.infer(&route, request).await;
    if let Some(captured) = captured {
        captured.finish(call, &outcome);
    }
    let output = outcome?;
    charge.add_output(&output);
    let bytes = inference.encode_bytes(&output);
    let encode = || call.timeline.measure(RequestStage::Encode, || inference.encode(output));
    let reply = call.app.blocking.run(bytes, encode).await?;
    call.scope.record_outcome(None);
    Ok(reply)
}

/// Starts a streaming request and waits for its first chunk, so that an earlier failure fails the
/// whole request.
///
/// # Errors
/// An error before the first chunk; the caller passes it to [`Call::report_failure`].
pub(crate) async fn run_in_chunks<I: Inference, E: StreamEncoding>(
    call: &Call,
    inference: I,
    encoding: E,
) -> Result<ReplyStream<E>, Error> {
    let mut stream = start_chunks(call, inference, encoding).await?;
    poll_fn(|context| stream.poll_first(context)).await?;
    Ok(stream)
}

/// Like [`run_in_chunks`], but does not wait for the first chunk.
///
/// # Errors
/// An error before the request is passed to the engine.
pub(crate) async fn start_chunks<I: Inference, E: StreamEncoding>(
    call: &Call,
    mut inference: I,
    encoding: E,
) -> Result<ReplyStream<E>, Error> {
    let (route, request, charge) = prepare(call, &mut inference).await?;
    drop(inference);
    Captured::leave_out_stream(call, &route);
    let chunks = call.app.engine.infer_stream(route, request);
    Ok(ReplyStream::new(chunks, call.clone(), charge, encoding))
}

async fn prepare<I: Inference>(
    call: &Call,
    inference: &mut I,
) -> Result<(Route, Request, TokenCharge), Error> {
    let bytes = inference.decode_bytes();
    let decoded = call.app.blocking.run(bytes, || inference.decode(call)).await;
    let Decoded { route, content, options, attachment } = decoded?;
    call.timeline.note_stage_end(RequestStage::Decode);
    let charge = TokenCharge::of_input(call, &route, &content)?;
    let timeline = call.timeline.clone();
    Ok((route, Request { timeline, content, options, attachment }, charge))
}
