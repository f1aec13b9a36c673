//! A batch that a worker runs: the packets that hand it over, and what the worker's packets mean.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use grps_core::{
    Batch, Cause, Error, HttpReply, InputForm, Puller, RunningBatch, RunningRequest, TraceContext,
};

use crate::body::{Blobs, Packet, PacketError, Received, malformed};
use crate::contents::{describe, read_content, read_tensors};
use crate::meta::{
    BatchMeta, BatchRef, CancelMeta, EntryMeta, EntryRef, ExchangeMeta, FailureMeta, HttpReplyMeta,
    OutputsMeta, ReplyMeta, from_worker, to_worker,
};

/// Requests that a worker runs.
pub(crate) struct Running {
    /// The whole batch first; then single requests of it, if it failed as a whole.
    parts: Vec<Part>,
    /// Which requests of the whole batch the worker knows as cancelled.
    cancelled: Vec<bool>,
}

/// Requests that were sent together.
struct Part {
    /// The number that names them in packets.
    number: u64,
    /// Their joined input, and the way to reply to all of them.
    batch: RunningBatch,
    /// Each of them.
    requests: Vec<Arc<RunningRequest>>,
}

impl Part {
    fn new(number: u64, mut batch: RunningBatch) -> Self {
        let requests = batch.requests().to_vec();
        Self { number, batch, requests }
    }
}

/// Requests whose worker has ended before it replied to them.
pub struct Lost {
    /// The requests.
    pub(crate) running: Running,
    /// Whether the worker had begun with them.
    pub(crate) begun: bool,
    /// Why the worker sends nothing more.
    pub(crate) cause: String,
}

impl Lost {
    /// Whether the worker had begun with them, so that they must not be run again.
    pub fn begun(&self) -> bool {
        self.begun
    }

    /// Why the worker sends nothing more, seen from the socket.
    pub fn cause(&self) -> &str {
        &self.cause
    }

    /// Fails all that have no reply.
    pub fn fail(mut self, cause: &str) {
        self.running.fail(cause);
    }
}

impl Running {
    /// Takes a batch over; tensors are joined here, in the server.
    pub(crate) fn new(batch: Batch, form: InputForm) -> Self {
        let whole = Part::new(0, RunningBatch::new(batch, form));
        Self { cancelled: vec![false; whole.requests.len()], parts: vec![whole] }
    }

    /// Continues with another puller of the same instance.
    pub(crate) fn resume(&mut self, puller: &Puller) {
        for part in &mut self.parts {
            part.batch.resume(puller.heartbeat());
        }
    }

    /// Fails all that have no reply.
    pub(crate) fn fail(&mut self, cause: &str) {
        for part in &mut self.parts {
            part.batch.fail(Cause::ModelFailed, cause);
        }
    }

    /// Whether a client waits for a reply.
    pub(crate) fn is_wanted(&self) -> bool {
        self.parts.first().is_some_and(|whole| whole.batch.is_wanted())
    }

    /// The packet that hands the whole batch to a worker.
    pub(crate) fn packet(&mut self, number: u64) -> Result<Packet, PacketError> {
        self.parts.truncate(1);
        match self.parts.first_mut() {
            Some(whole) => whole.number = number,
            None => return Err(malformed("a batch without requests")),
        }
        self.part_packet(0)
    }

    fn part_packet(&self, part: usize) -> Result<Packet, PacketError> {
        let Some(part) = self.parts.get(part) else {
            return Err(malformed("no such part of a batch"));
        };
        let messages: Vec<_> = part.requests.iter().map(|request| request.message()).collect();
        let mut blobs = Blobs::default();
        let cuts = part.batch.parts().map(|parts| &parts.cuts);
        let requests = part.requests.iter().zip(&messages).enumerate();
        let entries = requests
            .map(|(index, (request, message))| EntryMeta {
                rows: cuts
                    .and_then(|cuts| cuts.get(index))
                    .map(|cut| (cut.rows.start, cut.rows.end)),
                ..describe_request(request, message.as_deref(), &mut blobs)
            })
            .collect();
        let tensors = part.batch.tensors();
        let tensors = tensors
            .map(|tensors| tensors.iter().map(|tensor| describe(tensor, &mut blobs)).collect());
        let meta = BatchMeta { number: part.number, rows: part.batch.rows(), entries, tensors };
        Packet::new(to_worker::BATCH, &meta, &blobs)
    }

    /// The packets that name the requests which were cancelled since the last ones.
    pub(crate) fn cancel_packets(&mut self) -> Result<Vec<Packet>, PacketError> {
        let Some(whole) = self.parts.first() else { return Ok(Vec::new()) };
        let mut cancelled = Vec::new();
        for (request, known) in whole.requests.iter().zip(&mut self.cancelled) {
            if !*known && request.is_open() && request.is_cancelled() {
                *known = true;
                cancelled.push(Arc::clone(request));
            }
        }
        if cancelled.is_empty() {
            return Ok(Vec::new());
        }
        // Each in the numbering of every part that it is in.
        let is_cancelled = |request: &Arc<RunningRequest>| {
            cancelled.iter().any(|other| Arc::ptr_eq(other, request))
        };
        let metas = self.parts.iter().map(|part| {
            let requests = part.requests.iter().enumerate();
            let entries = requests.filter(|(_, request)| is_cancelled(request));
            CancelMeta { number: part.number, entries: entries.map(|(entry, _)| entry).collect() }
        });
        let metas = metas.filter(|meta| !meta.entries.is_empty());
        metas.map(|meta| Packet::new(to_worker::CANCEL, &meta, &Blobs::default())).collect()
    }

    /// Does what a packet of the worker says; true when the batch is done. `send` sends the packets
    /// that the worker asks for, numbered by `next_number`. An output that can't be used fails its
    /// requests, not the worker.
    pub(crate) fn apply(
        &mut self,
        packet: &Received,
        mut send: impl FnMut(&Packet) -> Result<(), PacketError>,
        mut next_number: impl FnMut() -> u64,
    ) -> Result<bool, PacketError> {
        if let Some(whole) = self.parts.first() {
            whole.batch.beat();
        }
        match packet.kind {
            from_worker::REPLY => self.reply(packet)?,
            from_worker::OUTPUTS => self.share_out(packet)?,
            from_worker::FAILURE => {
                let failure: FailureMeta = packet.meta()?;
                if let Some(request) = self.request(failure.number, failure.entry)? {
                    request.reply(Err(if failure.invalid {
                        Error::refused(failure.message, failure.status)
                    } else {
                        Error::new(Cause::ModelFailed, failure.message)
                    }));
                }
            }
            from_worker::CHUNK => self.send_chunk(packet)?,
            from_worker::END_STREAM => {
                let EntryRef { number, entry } = packet.meta()?;
                if let Some(request) = self.request(number, entry)? {
                    request.end_stream();
                }
            }
            from_worker::HTTP_REPLY => {
                let meta: HttpReplyMeta = packet.meta()?;
                let body = Bytes::from(packet.blob(meta.body)?);
                let reply = HttpReply { status: meta.status, headers: meta.headers, body };
                let request = self.request(meta.number, meta.entry)?;
                if let Some(exchange) = request.and_then(|request| request.exchange()) {
                    exchange.set_reply(reply);
                }
            }
            from_worker::SINGLES => {
                let BatchRef { number } = packet.meta()?;
                if self.find(number)?.is_none() {
                    return Ok(false);
                }
                let first = self.parts.len();
                self.split(&mut next_number)?;
                for part in first..self.parts.len() {
                    send(&self.part_packet(part)?)?;
                }
            }
            from_worker::DONE => {
                let BatchRef { number } = packet.meta()?;
                return Ok(self.find(number)? == Some(0));
            }
            kind => return Err(malformed(format!("no packet is of kind {kind}"))),
        }
        Ok(false)
    }

    fn reply(&mut self, packet: &Received) -> Result<(), PacketError> {
        let meta: ReplyMeta = packet.meta()?;
        let Some(request) = self.request(meta.number, meta.entry)? else { return Ok(()) };
        let content = read_content(packet, meta.content);
        let (preprocess_ns, infer_ns) = meta.spent_ns;
        request.set_spent(Duration::from_nanos(preprocess_ns), Duration::from_nanos(infer_ns));
        if meta.left {
            note_left(request);
        }
        request.reply(content.map_err(|error| unusable(&error)));
        Ok(())
    }

    fn send_chunk(&mut self, packet: &Received) -> Result<(), PacketError> {
        let meta: ReplyMeta = packet.meta()?;
        let Some(request) = self.request(meta.number, meta.entry)? else { return Ok(()) };
        match read_content(packet, meta.content) {
            Ok(content) => {
                if let Some(exchange) = request.exchange() {
                    exchange.begin_body();
                }
                request.send_chunk(content);
            }
            Err(error) => drop(request.reply(Err(unusable(&error)))),
        }
        Ok(())
    }

    /// Sends every open request its rows of the outputs.
    fn share_out(&mut self, packet: &Received) -> Result<(), PacketError> {
        let meta: OutputsMeta = packet.meta()?;
        let index = self.find(meta.number)?;
        let Some(part) = index.and_then(|index| self.parts.get_mut(index)) else { return Ok(()) };
        for request in meta.left.iter().filter_map(|entry| part.requests.get(*entry)) {
            note_left(request);
        }
        let replied = match read_tensors(packet, meta.tensors) {
            Ok(outputs) => part.batch.reply_tensors(outputs),
            Err(error) => Err(unusable(&error)),
        };
        if let Err(error) = replied {
            part.batch.fail(Cause::ModelFailed, error.message());
        }
        Ok(())
    }

    /// Makes a part of every open request.
    fn split(&mut self, next_number: &mut impl FnMut() -> u64) -> Result<(), PacketError> {
        let Some(whole) = self.parts.first_mut() else { return Ok(()) };
        let singles = whole.batch.singles().map_err(|error| malformed(error.message()))?;
        self.parts.extend(singles.into_iter().map(|single| Part::new(next_number(), single)));
        Ok(())
    }

    /// Which part has a number; `None` for a part of an earlier batch, about which a thread of the
    /// user's may still say something.
    fn find(&self, number: u64) -> Result<Option<usize>, PacketError> {
        let found = self.parts.iter().position(|part| part.number == number);
        let is_over = self.parts.first().is_some_and(|whole| number < whole.number);
        if found.is_none() && !is_over {
            return Err(malformed(format!("batch {number} does not run")));
        }
        Ok(found)
    }

    /// A request of a part; `None` for a part of an earlier batch.
    fn request(
        &self,
        number: u64,
        entry: usize,
    ) -> Result<Option<&Arc<RunningRequest>>, PacketError> {
        let Some(index) = self.find(number)? else { return Ok(None) };
        let request = self.parts.get(index).and_then(|part| part.requests.get(entry));
        let request =
            request.ok_or_else(|| malformed(format!("batch {number} has no request {entry}")));
        request.map(Some)
    }
}

/// Notes that user code left something in the worker for the next model of a request.
fn note_left(request: &RunningRequest) {
    if let Some(session) = request.session() {
        session.lock().elsewhere = true;
    }
}

/// The failure of a request whose output can't be used.
pub(crate) fn unusable(error: &PacketError) -> Error {
    let text = match error {
        PacketError::Malformed(text) => text.clone(),
        other => other.to_string(),
    };
    Error::new(Cause::ModelFailed, format!("the output can't be used: {text}"))
}

pub(crate) fn describe_request<'a>(
    request: &'a RunningRequest,
    message: Option<&'a [u8]>,
    blobs: &mut Blobs<'a>,
) -> EntryMeta<'a> {
    let left_elsewhere = request.session().is_some_and(|session| {
        let left = session.lock();
        left.filled || left.elsewhere || left.native.is_some()
    });
    let message = message.map(|message| blobs.add(message));
    let exchange = request.exchange().map(|exchange| exchange.request());
    let exchange = exchange.map(|sent| ExchangeMeta {
        streaming: sent.streaming,
        alone: request.session().is_none(),
        method: &sent.method,
        path: &sent.path,
        query: &sent.query,
        headers: sent
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), serde_bytes::Bytes::new(value)))
            .collect(),
        peer: (sent.peer.ip().to_canonical().to_string(), sent.peer.port()),
        body: blobs.add(&sent.body),
    });
    let trace = request.timeline().trace();
    EntryMeta {
        id: request.timeline().id(),
        streaming: request.is_streaming(),
        left_elsewhere,
        message,
        exchange,
        traceparent: trace.map(TraceContext::traceparent),
        tracestate: trace.and_then(|trace| trace.state.as_deref()),
        rows: None,
        remaining_us: request.deadline().map(|deadline| {
            let remaining = deadline.saturating_duration_since(Instant::now());
            u64::try_from(remaining.as_micros()).unwrap_or(u64::MAX)
        }),
    }
}
