//! The one path of every inference request: decode, resolve, admit, run, encode, measure, log.
//!
//! A front end says how its requests are decoded and its responses encoded; it needs no line here.

use std::future::poll_fn;

use grps_core::metrics::RequestStage;
use grps_core::{Attachment, Content, Error, Request, Route, SchedulingOptions};

use crate::call::call::Call;
use crate::call::reply_stream::{ReplyStream, StreamEncoding};

/// An inference request as its front end reads it and writes its outcome.
pub(crate) trait Inference: Send + Sync {
    /// What the front end makes of the whole output.
    type Reply;

    /// The work of decoding, as the bytes that are read. Large bodies are decoded away from the
    /// threads that serve the sockets.
    fn decode_bytes(&self) -> usize;

    /// Decodes the request and resolves its route, both once. Nothing of the request's body need
    /// be kept after it.
    ///
    /// # Errors
    /// Whatever is wrong with the request; the errors of [`Call::resolve`].
    fn decode(&mut self, call: &Call) -> Result<Decoded, Error>;

    /// The work of encoding an output, as bytes of JSON that could be read meanwhile.
    fn encode_bytes(&self, output: &Content) -> usize;

    /// Encodes the whole output.
    ///
    /// # Errors
    /// `ModelFailed` when the output can't be told in this protocol.
    fn encode(&self, output: Content) -> Result<Self::Reply, Error>;
}

/// A decoded inference request.
pub(crate) struct Decoded {
    /// Which models run it.
    pub(crate) route: Route,
    /// The input in the form that the route takes.
    pub(crate) content: Content,
    /// Deadline, priority and the like.
    pub(crate) options: SchedulingOptions,
    /// What instances may look into besides the input.
    pub(crate) attachment: Option<Attachment>,
}

/// Runs a request and encodes its whole output.
///
/// # Errors
/// What failed first; the caller reports it by [`Call::fail`].
pub(crate) async fn run<I: Inference>(call: &Call, mut inference: I) -> Result<I::Reply, Error> {
    let (route, request) = prepare(call, &mut inference).await?;
    let output = call.app.engine.infer(&route, request).await?;
    let bytes = inference.encode_bytes(&output);
    let encode = || call.timeline.measure(RequestStage::Encode, || inference.encode(output));
    let reply = call.app.blocking.run(bytes, encode).await?;
    call.scope.judge(None);
    Ok(reply)
}

/// Starts a request whose output comes in chunks. It resolves with the first chunk, so that a
/// failure before it is still a failure of the whole request.
///
/// # Errors
/// What failed before the first chunk; the caller reports it by [`Call::fail`].
pub(crate) async fn run_in_chunks<I: Inference, E: StreamEncoding>(
    call: &Call,
    inference: I,
    encoding: E,
) -> Result<ReplyStream<E>, Error> {
    let mut stream = start_chunks(call, inference, encoding).await?;
    poll_fn(|context| stream.poll_first(context)).await?;
    Ok(stream)
}

/// As [`run_in_chunks`], but does not wait for the first chunk.
///
/// # Errors
/// What failed before the request was passed to the engine.
pub(crate) async fn start_chunks<I: Inference, E: StreamEncoding>(
    call: &Call,
    mut inference: I,
    encoding: E,
) -> Result<ReplyStream<E>, Error> {
    let (route, request) = prepare(call, &mut inference).await?;
    drop(inference);
    let chunks = call.app.engine.infer_stream(route, request);
    Ok(ReplyStream::new(chunks, call.clone(), encoding))
}

async fn prepare<I: Inference>(call: &Call, inference: &mut I) -> Result<(Route, Request), Error> {
    let bytes = inference.decode_bytes();
    let decoded = call.app.blocking.run(bytes, || inference.decode(call)).await;
    let Decoded { route, content, options, attachment } = decoded?;
    call.scope.set_route(&route);
    call.timeline.lap(RequestStage::Decode);
    let timeline = call.timeline.clone();
    Ok((route, Request { timeline, content, options, attachment }))
}
