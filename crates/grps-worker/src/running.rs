//! A batch in the hands of a worker: what it is told, and what its packets mean for the requests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use grps_core::{
    Batch, BatchPolicy, CallTimings, Cause, ChunkSender, Content, DataType, Error, Heartbeat,
    HttpExchange, HttpReply, InputForm, Joined, Parts, Puller, ReplySender, Session, Tensor,
    Timeline, TraceContext, Values,
};

use crate::body::{Blobs, Packet, PacketError, Received, malformed};
use crate::elements::cut;
use crate::meta::{
    BatchMeta, BatchRef, CancelMeta, ContentMeta, EntryMeta, EntryRef, ExchangeMeta, FailureMeta,
    HttpReplyMeta, MESSAGE, OutputsMeta, RAW, ReplyMeta, TENSORS, TensorMeta, from_worker,
    to_worker,
};

/// Requests that a worker runs.
pub(crate) struct Running {
    slots: Vec<Slot>,
    policy: Arc<BatchPolicy>,
    heartbeat: Heartbeat,
    /// The whole batch first; then single requests of it, if it failed as a whole.
    parts: Vec<Part>,
}

/// Requests that were sent together.
struct Part {
    number: u64,
    /// Which of the requests.
    slots: Vec<usize>,
    joined: Option<Joined>,
}

/// One request.
struct Slot {
    timeline: Arc<Timeline>,
    content: Content,
    /// Taken by the answer.
    reply: Option<ReplySender>,
    /// What is noted of its run.
    timings: CallTimings,
    stream: Option<ChunkSender>,
    exchange: Option<Arc<HttpExchange>>,
    session: Option<Session>,
    /// Whether the worker knows that its client has left.
    cancelled: bool,
}

/// Requests whose worker has ended before they were answered.
pub struct Lost {
    pub(crate) running: Running,
    /// Whether the worker had begun with them.
    pub(crate) begun: bool,
    /// Why nothing more can be had from the worker.
    pub(crate) cause: String,
}

impl Lost {
    /// Whether the worker had begun with them, so that they must not be run again.
    pub fn begun(&self) -> bool {
        self.begun
    }

    /// Why nothing more can be had from the worker, seen from the socket.
    pub fn cause(&self) -> &str {
        &self.cause
    }

    /// Answers all that are not answered with what has happened.
    pub fn fail(self, cause: &str) {
        for slot in self.running.slots {
            if let Some(reply) = slot.reply {
                let message = format!("{cause} (request id {})", slot.timeline.id());
                reply.send(Err(Error::new(Cause::ModelFailed, message)));
            }
        }
    }
}

impl Running {
    /// Takes a batch over; tensors are joined here, in the server.
    pub(crate) fn new(mut batch: Batch, form: InputForm) -> Self {
        // Requests that do not fit together after all are run one by one.
        let joined = (form == InputForm::Tensors).then(|| batch.join().ok()).flatten();
        let (policy, heartbeat) = (Arc::clone(batch.policy()), batch.heartbeat().clone());
        let timings = batch.timings();
        let entries = batch.entries.into_iter();
        let slots: Vec<Slot> = entries.map(|entry| Slot::new(entry, timings)).collect();
        let whole = Part { number: 0, slots: (0..slots.len()).collect(), joined };
        Self { slots, policy, heartbeat, parts: vec![whole] }
    }

    /// Lets another puller of the same instance go on with the batch.
    pub(crate) fn resume(&mut self, puller: &Puller) {
        self.heartbeat = puller.heartbeat().clone();
        self.heartbeat.beat(Instant::now());
    }

    /// Whether somebody waits for an answer.
    pub(crate) fn is_wanted(&self) -> bool {
        self.slots.iter().any(|slot| slot.reply.as_ref().is_some_and(|reply| !reply.is_closed()))
    }

    /// The packet that hands the whole batch to a worker.
    pub(crate) fn packet(&mut self, number: u64) -> Result<Packet, PacketError> {
        self.parts.truncate(1);
        match self.parts.first_mut() {
            Some(whole) => whole.number = number,
            None => return Err(malformed("a batch without requests")),
        }
        self.packet_of(0)
    }

    fn packet_of(&self, part: usize) -> Result<Packet, PacketError> {
        let Some(part) = self.parts.get(part) else {
            return Err(malformed("no such part of a batch"));
        };
        let mut blobs = Blobs::default();
        let entries = part.slots.iter().filter_map(|index| self.slots.get(*index));
        let entries = entries.map(|slot| slot.describe(&mut blobs)).collect();
        let tensors = part.joined.as_ref().map(|joined| {
            joined.tensors.iter().map(|tensor| describe(tensor, &mut blobs)).collect()
        });
        let rows = part.joined.as_ref().and_then(|joined| joined.parts.as_ref());
        let rows = rows.map(|parts| parts.rows);
        let meta = BatchMeta { number: part.number, rows, entries, tensors };
        Packet::new(to_worker::BATCH, &meta, &blobs)
    }

    /// The packets that tell of clients that have left since the last ones.
    pub(crate) fn cancel_packets(&mut self) -> Result<Vec<Packet>, PacketError> {
        let mut left = Vec::new();
        for (index, slot) in self.slots.iter_mut().enumerate() {
            let gone = slot.reply.as_ref().is_some_and(ReplySender::is_closed);
            if gone && !slot.cancelled {
                slot.cancelled = true;
                left.push(index);
            }
        }
        if left.is_empty() {
            return Ok(Vec::new());
        }
        // Each in the numbering of every part that it is in.
        let metas = self.parts.iter().map(|part| {
            let slots = part.slots.iter().enumerate();
            let entries = slots.filter(|(_, slot)| left.contains(slot)).map(|(entry, _)| entry);
            CancelMeta { number: part.number, entries: entries.collect() }
        });
        let told = metas.filter(|meta| !meta.entries.is_empty());
        told.map(|meta| Packet::new(to_worker::CANCEL, &meta, &Blobs::default())).collect()
    }

    /// Does what a packet of the worker says; true when the batch is done. `send` passes packets on
    /// that the worker asks for, numbered by `next_number`.
    pub(crate) fn take(
        &mut self,
        packet: &Received,
        mut send: impl FnMut(&Packet) -> Result<(), PacketError>,
        mut next_number: impl FnMut() -> u64,
    ) -> Result<bool, PacketError> {
        self.heartbeat.beat(Instant::now());
        match packet.kind {
            from_worker::REPLY => self.reply(packet)?,
            from_worker::OUTPUTS => self.share_out(packet)?,
            from_worker::FAILURE => {
                let failure: FailureMeta = packet.meta()?;
                let cause =
                    if failure.invalid { Cause::InvalidArgument } else { Cause::ModelFailed };
                let slot = self.slot(failure.number, failure.entry)?;
                slot.answer(Err(Error::new(cause, failure.message)));
            }
            from_worker::CHUNK => self.stream(packet)?,
            from_worker::END_STREAM => {
                let EntryRef { number, entry } = packet.meta()?;
                if let Some(stream) = &self.slot(number, entry)?.stream {
                    stream.end();
                }
            }
            from_worker::HTTP_REPLY => {
                let meta: HttpReplyMeta = packet.meta()?;
                let body = Bytes::from(packet.blob(meta.body)?);
                let reply = HttpReply { status: meta.status, headers: meta.headers, body };
                if let Some(exchange) = &self.slot(meta.number, meta.entry)?.exchange {
                    exchange.set_reply(reply);
                }
            }
            from_worker::SINGLES => {
                let BatchRef { number } = packet.meta()?;
                self.known(number)?;
                let first = self.parts.len();
                self.split(&mut next_number)?;
                for part in first..self.parts.len() {
                    send(&self.packet_of(part)?)?;
                }
            }
            from_worker::DONE => {
                let BatchRef { number } = packet.meta()?;
                return Ok(self.known(number)? == 0);
            }
            kind => return Err(malformed(format!("no packet is of kind {kind}"))),
        }
        Ok(false)
    }

    fn reply(&mut self, packet: &Received) -> Result<(), PacketError> {
        let meta: ReplyMeta = packet.meta()?;
        let content = read_content(packet, meta.content)?;
        let slot = self.slot(meta.number, meta.entry)?;
        let (preprocess_ns, infer_ns) = meta.spent_ns;
        slot.timings.set_spent(Duration::from_nanos(preprocess_ns), Duration::from_nanos(infer_ns));
        if let Some(session) = slot.session.as_ref().filter(|_| meta.left) {
            session.lock().elsewhere = true;
        }
        slot.answer(Ok(content));
        Ok(())
    }

    fn stream(&mut self, packet: &Received) -> Result<(), PacketError> {
        let meta: ReplyMeta = packet.meta()?;
        let content = read_content(packet, meta.content)?;
        let heartbeat = self.heartbeat.clone();
        if let Some(stream) = &self.slot(meta.number, meta.entry)?.stream {
            // A slow client holds its own request up; that is no hang.
            heartbeat.rest();
            stream.send(content);
            heartbeat.beat(Instant::now());
        }
        Ok(())
    }

    /// Gives every request that is not answered its rows of the outputs.
    fn share_out(&mut self, packet: &Received) -> Result<(), PacketError> {
        let meta: OutputsMeta = packet.meta()?;
        let tensors = read_tensors(packet, meta.tensors)?;
        let index = self.known(meta.number)?;
        let Some(part) = self.parts.get(index) else { return Ok(()) };
        let parts = part.joined.as_ref().and_then(|joined| joined.parts.as_ref());
        let shares = match parts {
            None => vec![tensors],
            Some(parts) => cut_all(parts, tensors)?,
        };
        for (slot, share) in part.slots.iter().zip(shares) {
            if let Some(slot) = self.slots.get_mut(*slot) {
                slot.answer(Ok(Content::Tensors(share)));
            }
        }
        Ok(())
    }

    /// Makes a part of every request that is not answered.
    fn split(&mut self, next_number: &mut impl FnMut() -> u64) -> Result<(), PacketError> {
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if slot.reply.is_none() {
                continue;
            }
            let content = std::mem::replace(&mut slot.content, Content::Tensors(Vec::new()));
            let joined =
                self.policy.join_one(content).map_err(|error| malformed(error.message()))?;
            let number = next_number();
            self.parts.push(Part { number, slots: vec![index], joined: Some(joined) });
        }
        Ok(())
    }

    /// Which part has a number.
    fn known(&self, number: u64) -> Result<usize, PacketError> {
        let found = self.parts.iter().position(|part| part.number == number);
        found.ok_or_else(|| malformed(format!("batch {number} does not run")))
    }

    fn slot(&mut self, number: u64, entry: usize) -> Result<&mut Slot, PacketError> {
        let part = self.known(number)?;
        let index = self.parts.get(part).and_then(|part| part.slots.get(entry)).copied();
        let slot = index.and_then(|index| self.slots.get_mut(index));
        slot.ok_or_else(|| malformed(format!("batch {number} has no request {entry}")))
    }
}

impl Slot {
    fn new(entry: grps_core::Entry, timings: CallTimings) -> Self {
        Self {
            timeline: entry.timeline,
            content: entry.content,
            reply: Some(entry.reply),
            timings,
            stream: entry.stream,
            exchange: entry.attachment.and_then(|attachment| attachment.downcast().ok()),
            session: entry.session,
            cancelled: false,
        }
    }

    /// Answers it, unless it is answered.
    fn answer(&mut self, outcome: Result<Content, Error>) {
        if let Some(reply) = self.reply.take() {
            reply.send_timed(outcome, self.timings);
        }
    }

    fn describe<'a>(&'a self, blobs: &mut Blobs<'a>) -> EntryMeta<'a> {
        let message = match &self.content {
            Content::Message(message) => Some(blobs.add(message)),
            _ => None,
        };
        let left_elsewhere = self.session.as_ref().is_some_and(|session| {
            let left = session.lock();
            left.filled || left.elsewhere
        });
        let exchange = self.exchange.as_ref().map(|exchange| exchange.request()).map(|exchange| {
            ExchangeMeta {
                method: &exchange.method,
                path: &exchange.path,
                query: &exchange.query,
                headers: exchange
                    .headers
                    .iter()
                    .map(|(name, value)| (name.as_str(), serde_bytes::Bytes::new(value)))
                    .collect(),
                peer: (exchange.peer.ip().to_canonical().to_string(), exchange.peer.port()),
                body: blobs.add(&exchange.body),
            }
        });
        let streaming = self.stream.is_some();
        let trace = self.timeline.trace();
        EntryMeta {
            id: self.timeline.id(),
            streaming,
            left_elsewhere,
            message,
            exchange,
            traceparent: trace.map(TraceContext::traceparent),
            tracestate: trace.and_then(|trace| trace.state.as_deref()),
        }
    }
}

fn describe<'a>(tensor: &'a Tensor, blobs: &mut Blobs<'a>) -> TensorMeta {
    let texts = match tensor.values() {
        Values::String(texts) => Some(texts.clone()),
        _ => None,
    };
    TensorMeta {
        name: tensor.name().to_owned(),
        dtype: tensor.dtype().name().to_owned(),
        shape: tensor.shape().to_vec(),
        blob: blobs.add(tensor.values().bytes()),
        texts,
    }
}

fn read_content(packet: &Received, meta: ContentMeta) -> Result<Content, PacketError> {
    match meta.form {
        TENSORS => read_tensors(packet, meta.tensors).map(Content::Tensors),
        MESSAGE => Ok(Content::Message(packet.blob(meta.blob)?.into())),
        RAW => Ok(Content::Raw(packet.blob(meta.blob)?.into())),
        form => Err(malformed(format!("no content is of form {form}"))),
    }
}

fn read_tensors(packet: &Received, metas: Vec<TensorMeta>) -> Result<Vec<Tensor>, PacketError> {
    metas.into_iter().map(|meta| read_tensor(packet, meta)).collect()
}

fn read_tensor(packet: &Received, meta: TensorMeta) -> Result<Tensor, PacketError> {
    let dtype = DataType::from_name(&meta.dtype)
        .ok_or_else(|| malformed(format!("no tensor is of type '{}'", meta.dtype)))?;
    let values = match (dtype.width(), meta.texts) {
        (None, texts) => Values::String(texts.unwrap_or_default()),
        (Some(width), _) => {
            let (length, width) = (meta.blob.1, width as u64);
            if length > packet.data_length() || !length.is_multiple_of(width) {
                return Err(malformed(format!("tensor '{}' has {length} bytes", meta.name)));
            }
            let count = usize::try_from(length / width).unwrap_or_default();
            Values::read(dtype, count, |target| packet.read(meta.blob, target))?
        }
    };
    Tensor::new(meta.name, meta.shape, values).map_err(|error| malformed(error.message()))
}

/// Each request's part of every output.
fn cut_all(parts: &Parts, tensors: Vec<Tensor>) -> Result<Vec<Vec<Tensor>>, PacketError> {
    let mut shares: Vec<Vec<Tensor>> = parts.cuts.iter().map(|_| Vec::new()).collect();
    for tensor in tensors {
        let (name, shape, values) = tensor.into_parts();
        if shape.first() != Some(&parts.rows) {
            let rows = parts.rows;
            return Err(malformed(format!("output '{name}' has shape {shape:?}, not {rows} rows")));
        }
        for (share, part) in shares.iter_mut().zip(&parts.cuts) {
            let (shape, values) = cut(part, &values, &shape);
            let tensor = Tensor::new(name.clone(), shape, values);
            share.push(tensor.map_err(|error| malformed(error.message()))?);
        }
    }
    Ok(shares)
}
