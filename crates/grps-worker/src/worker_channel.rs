//! The worker's side for native code: where the loop of an instance pulls from in a process of its
//! own. It is the twin of `grps/server/worker/channel.py`.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use grps_core::{
    BatchSource, Cause, Content, Error, HttpReply, NativeBatch, NativeRequest, RawHttpRequest,
    Tensor,
};
use parking_lot::Mutex;
use rustix::io::pwrite;

use crate::body::{Blobs, PacketError, Received, malformed};
use crate::contents::{describe, describe_content, read_tensors};
use crate::handover::WorkerEnd;
use crate::meta::{
    BatchMeta, BatchRef, CancelMeta, EntryRef, ExchangeMeta, FailureMeta, HttpReplyMeta,
    OutputsMeta, ReplyMeta, after_us, from_worker, invalid_argument, to_worker,
};
use crate::server_socket::ServerSocket;

/// Where the instance of this process pulls its batches from.
pub struct WorkerChannel {
    /// What the channel and its requests share.
    shared: Arc<Shared>,
    /// The page on which the number of a begun batch is noted.
    note: OwnedFd,
    /// The number of the batch that runs.
    current: Option<u64>,
}

/// What a channel and its requests share.
struct Shared {
    server: ServerSocket,
    /// The requests of the running batch, by the batches that they are in. Locked while a packet is
    /// received, which one thread at a time does.
    running: Mutex<Vec<Part>>,
}

/// Requests that came in one packet.
struct Part {
    /// The number of the batch.
    number: u64,
    /// Its requests.
    requests: Vec<Arc<WorkerRequest>>,
}

/// Requests that the worker runs at once.
struct WorkerBatch {
    /// The channel they came by.
    shared: Arc<Shared>,
    /// The number that names them in packets.
    number: u64,
    /// Rows that every output must have.
    rows: Option<usize>,
    /// The joined input, until it is taken.
    tensors: Option<Vec<Tensor>>,
    /// Each of them.
    requests: Vec<Arc<WorkerRequest>>,
}

/// One request in the worker.
struct WorkerRequest {
    /// The channel it came by.
    shared: Arc<Shared>,
    /// Its batch, and its place there.
    place: EntryRef,
    /// Identifier of the request.
    id: String,
    /// The encoded message; `None` for tensors.
    message: Option<Bytes>,
    /// Whether the client takes chunks.
    streaming: bool,
    /// The HTTP request as it came, when the inferer responds to it itself.
    http: Option<RawHttpRequest>,
    /// Its rows in the joined input, where they are known.
    rows: Option<Range<usize>>,
    /// When the client stops waiting.
    deadline: Option<Instant>,
    /// Whether no other model runs the request.
    is_alone: bool,
    /// Whether an earlier model left something in another process.
    is_left_elsewhere: bool,
    /// Whether the inferer left something here for the next model.
    left: AtomicBool,
    /// Whether a reply was sent, or the batch is done.
    replied: AtomicBool,
    /// Whether the server has said that the client disconnected.
    cancelled: AtomicBool,
}

impl WorkerChannel {
    /// The channel of what the server has handed over.
    pub fn new(end: WorkerEnd) -> Self {
        let WorkerEnd { socket, note } = end;
        let shared = Shared { server: ServerSocket::new(socket), running: Mutex::default() };
        Self { shared: Arc::new(shared), note, current: None }
    }

    /// Ends the batch that runs: its requests can't be replied to any more.
    fn finish(&mut self) {
        let done = std::mem::take(&mut *self.shared.running.lock());
        for request in done.iter().flat_map(|part| &part.requests) {
            request.replied.store(true, Ordering::Release);
        }
        if let Some(number) = self.current.take() {
            self.shared.server.send(from_worker::DONE, &BatchRef { number }, &Blobs::default());
        }
    }

    /// Waits for a batch.
    fn receive(&self) -> Result<WorkerBatch, PacketError> {
        let mut running = self.shared.running.lock();
        loop {
            if let Some(Taken::Batch(batch)) = self.shared.receive(&mut running, None)? {
                return Ok(batch);
            }
        }
    }
}

impl BatchSource for WorkerChannel {
    fn next(&mut self) -> Option<Box<dyn NativeBatch>> {
        self.finish();
        if self.shared.server.has_ended() {
            return None;
        }
        let received = self.receive().and_then(|batch| {
            // Before the first line of the inferer runs: what is begun is not run a second time.
            pwrite(&self.note, &batch.number.to_le_bytes(), 0)?;
            Ok(batch)
        });
        match received {
            Ok(batch) => {
                self.current = Some(batch.number);
                Some(Box::new(batch))
            }
            Err(error) => {
                self.shared.server.note_end(&error);
                None
            }
        }
    }
}

impl Drop for WorkerChannel {
    fn drop(&mut self) {
        // The requests hold the channel's shared part: they must not be held by it.
        self.shared.running.lock().clear();
    }
}

impl Shared {
    /// Takes in what the server has sent meanwhile: which requests are cancelled.
    fn look(self: &Arc<Self>) {
        // A thread that has the lock receives what there is.
        let Some(mut running) = self.running.try_lock() else { return };
        loop {
            match self.receive(&mut running, Some(Duration::ZERO)) {
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(error) => return self.server.note_end(&error),
            }
        }
    }

    /// Receives a packet and takes it in; `None` when none comes within `timeout`.
    fn receive(
        self: &Arc<Self>,
        running: &mut Vec<Part>,
        timeout: Option<Duration>,
    ) -> Result<Option<Taken>, PacketError> {
        let packet = self.server.receive(timeout)?;
        packet.map(|packet| take(self, running, &packet)).transpose()
    }
}

/// What a packet of the server brought.
enum Taken {
    /// Requests to run.
    Batch(WorkerBatch),
    /// Nothing but news of requests that are cancelled.
    Cancel,
}

/// Takes a packet of the server in.
fn take(
    shared: &Arc<Shared>,
    running: &mut Vec<Part>,
    packet: &Received,
) -> Result<Taken, PacketError> {
    match packet.kind {
        to_worker::BATCH => {
            let batch = WorkerBatch::read(shared, packet)?;
            running.push(Part { number: batch.number, requests: batch.requests.clone() });
            Ok(Taken::Batch(batch))
        }
        to_worker::CANCEL => {
            let meta: CancelMeta = packet.meta()?;
            let part = running.iter().find(|part| part.number == meta.number);
            for request in meta.entries.iter().filter_map(|entry| part?.requests.get(*entry)) {
                request.cancelled.store(true, Ordering::Release);
            }
            Ok(Taken::Cancel)
        }
        kind => Err(malformed(format!("no packet of the server is of kind {kind}"))),
    }
}

impl WorkerBatch {
    fn read(shared: &Arc<Shared>, packet: &Received) -> Result<Self, PacketError> {
        let meta: BatchMeta<'_> = packet.meta()?;
        let (number, rows) = (meta.number, meta.rows);
        let requests = meta.entries.into_iter().enumerate().map(|(entry, request)| {
            let message = request.message.map(|blob| packet.blob(blob)).transpose()?;
            Ok(Arc::new(WorkerRequest {
                shared: Arc::clone(shared),
                place: EntryRef { number, entry },
                id: request.id.to_owned(),
                message: message.map(Bytes::from),
                streaming: request.streaming,
                rows: request.rows.map(|(first, end)| first..end),
                deadline: request.remaining_us.and_then(after_us),
                is_left_elsewhere: request.left_elsewhere,
                left: AtomicBool::new(false),
                is_alone: request.exchange.as_ref().is_none_or(|exchange| exchange.alone),
                http: request.exchange.map(|sent| read_exchange(packet, sent)).transpose()?,
                replied: AtomicBool::new(false),
                cancelled: AtomicBool::new(false),
            }))
        });
        let requests = requests.collect::<Result<_, PacketError>>()?;
        let tensors = meta.tensors.map(|tensors| read_tensors(packet, tensors)).transpose()?;
        Ok(Self { shared: Arc::clone(shared), number, rows, tensors, requests })
    }
}

/// Reads a request of customized HTTP.
fn read_exchange(packet: &Received, sent: ExchangeMeta<'_>) -> Result<RawHttpRequest, PacketError> {
    let (address, port) = &sent.peer;
    let address = address.parse::<IpAddr>().map_err(|error| malformed(error.to_string()))?;
    let headers = sent.headers.into_iter();
    Ok(RawHttpRequest {
        streaming: sent.streaming,
        method: sent.method.to_owned(),
        path: sent.path.to_owned(),
        query: sent.query.to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_vec())).collect(),
        body: packet.blob(sent.body)?.into(),
        peer: SocketAddr::new(address, *port),
    })
}

impl NativeBatch for WorkerBatch {
    fn len(&self) -> usize {
        self.requests.len()
    }

    fn rows(&self) -> Option<usize> {
        self.rows
    }

    fn take_tensors(&mut self) -> Option<Vec<Tensor>> {
        self.tensors.take()
    }

    fn request_rows(&self, index: usize) -> Option<Range<usize>> {
        self.requests.get(index)?.rows.clone()
    }

    fn requests(&mut self) -> Vec<Arc<dyn NativeRequest>> {
        let requests = self.requests.iter();
        requests.cloned().map(|request| request as Arc<dyn NativeRequest>).collect()
    }

    fn reply_tensors(&mut self, outputs: Vec<Tensor>) -> Result<(), Error> {
        // The server would take wrong rows for a worker that breaks the protocol.
        let fits =
            |output: &&Tensor| self.rows.is_none() || output.shape().first().copied() == self.rows;
        if let Some(output) = outputs.iter().find(|output| !fits(output)) {
            let (name, shape) = (output.name(), output.shape());
            let rows = self.rows.unwrap_or_default();
            let message = format!("output '{name}' has shape {shape:?}, not {rows} rows");
            return Err(Error::new(Cause::ModelFailed, message));
        }
        let mut blobs = Blobs::default();
        let tensors = outputs.iter().map(|tensor| describe(tensor, &mut blobs)).collect();
        for request in &self.requests {
            request.replied.store(true, Ordering::Release);
        }
        let requests = self.requests.iter().enumerate();
        let left = requests.filter(|(_, request)| request.left.load(Ordering::Acquire));
        let left = left.map(|(entry, _)| entry).collect();
        let meta = OutputsMeta { number: self.number, tensors, left };
        self.shared.server.send(from_worker::OUTPUTS, &meta, &blobs);
        Ok(())
    }

    fn singles(&mut self) -> Result<Vec<Box<dyn NativeBatch>>, Error> {
        let open = self.requests.iter().filter(|request| request.is_open()).count();
        let mut running = self.shared.running.lock();
        let number = self.number;
        self.shared.server.send(from_worker::SINGLES, &BatchRef { number }, &Blobs::default());
        let mut singles: Vec<Box<dyn NativeBatch>> = Vec::with_capacity(open);
        while singles.len() < open {
            match self.shared.receive(&mut running, None) {
                Ok(Some(Taken::Batch(single))) => singles.push(Box::new(single)),
                Ok(_) => {}
                Err(error) => {
                    self.shared.server.note_end(&error);
                    return Err(Error::new(Cause::Internal, error.to_string()));
                }
            }
        }
        Ok(singles)
    }
}

impl WorkerRequest {
    fn send_content(&self, kind: u8, content: &Content) {
        let EntryRef { number, entry } = self.place;
        let left = self.left.load(Ordering::Acquire);
        let mut blobs = Blobs::default();
        let content = describe_content(content, &mut blobs);
        let meta = ReplyMeta { number, entry, content, left, spent_ns: (0, 0) };
        self.shared.server.send(kind, &meta, &blobs);
    }
}

impl NativeRequest for WorkerRequest {
    fn id(&self) -> &str {
        &self.id
    }

    fn message(&self) -> Option<Bytes> {
        self.message.clone()
    }

    fn is_cancelled(&self) -> bool {
        let known =
            || self.replied.load(Ordering::Acquire) || self.cancelled.load(Ordering::Acquire);
        if !known() {
            self.shared.look();
        }
        known() || self.shared.server.has_ended()
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn is_open(&self) -> bool {
        !self.replied.load(Ordering::Acquire)
    }

    fn is_streaming(&self) -> bool {
        self.streaming && self.http.as_ref().is_none_or(|request| request.streaming)
    }

    fn http_request(&self) -> Option<&RawHttpRequest> {
        self.http.as_ref()
    }

    fn set_http_reply(&self, reply: HttpReply) {
        let EntryRef { number, entry } = self.place;
        let HttpReply { status, headers, body } = reply;
        let mut blobs = Blobs::default();
        let body = blobs.add(&body);
        let meta = HttpReplyMeta { number, entry, status, headers, body };
        self.shared.server.send(from_worker::HTTP_REPLY, &meta, &blobs);
    }

    fn is_alone(&self) -> bool {
        self.is_alone
    }

    fn is_left_elsewhere(&self) -> bool {
        self.is_left_elsewhere
    }

    fn note_left(&self) {
        self.left.store(true, Ordering::Release);
    }

    /// The server holds the chunks of a slow client: the socket fills and this call waits.
    fn send_chunk(&self, chunk: Content) -> bool {
        if !self.streaming || self.is_cancelled() {
            return false;
        }
        self.send_content(from_worker::CHUNK, &chunk);
        !self.is_cancelled()
    }

    fn end_stream(&self) {
        self.shared.server.send(from_worker::END_STREAM, &self.place, &Blobs::default());
    }

    fn reply(&self, outcome: Result<Content, Error>) -> bool {
        if self.replied.swap(true, Ordering::AcqRel) {
            return false;
        }
        match outcome {
            Ok(content) => self.send_content(from_worker::REPLY, &content),
            Err(error) => {
                let EntryRef { number, entry } = self.place;
                // The server has two causes for what a worker fails at.
                let invalid = error.cause() == Cause::InvalidArgument;
                let message = error.message().to_owned();
                let status = error.status().unwrap_or_else(invalid_argument);
                let meta = FailureMeta { number, entry, invalid, message, status };
                self.shared.server.send(from_worker::FAILURE, &meta, &Blobs::default());
            }
        }
        true
    }
}
