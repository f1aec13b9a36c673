//! The worker's side for step models in native code: where the loop of an instance gets its steps
//! from in a process of its own. It is the twin of `grps/server/worker/steps.py`.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use grps_core::{
    BegunSequence, Cause, Content, Error, NativeRequest, Step, StepOutcome, StepSource,
};
use parking_lot::Mutex;
use rustix::io::pwrite;
use serde::Serialize;

use crate::body::{Blobs, PacketError, Received, malformed};
use crate::contents::{describe, read_tensors};
use crate::handover::WorkerEnd;
use crate::meta::{BatchRef, EntryMeta, after_us, from_worker, to_worker};
use crate::server_socket::ServerSocket;
use crate::step_meta::{FailedRow, ReceivedStep, RowsFailedMeta, SequencesMeta, SteppedMeta};

/// Where the instance of this process gets its steps from.
pub struct WorkerSteps {
    shared: Arc<Shared>,
    /// The page on which the number of a begun step is noted.
    note: OwnedFd,
    /// The step that is not answered.
    number: Option<u64>,
    /// The sequences that begin with it, by their rows.
    begun: HashMap<usize, BegunSequence>,
}

/// What the source and its requests share.
struct Shared {
    server: ServerSocket,
    /// The requests of the sequences that the instance holds, by the numbers of these. Locked while a
    /// packet is received, which one thread at a time does.
    requests: Mutex<HashMap<u64, Arc<SequenceRequest>>>,
}

/// The request of a sequence in the worker; its outputs leave by its steps only.
struct SequenceRequest {
    shared: Arc<Shared>,
    /// Identifier of the request.
    id: String,
    /// Whether the client takes chunks.
    streaming: bool,
    /// When the client stops waiting.
    deadline: Option<Instant>,
    /// Whether the sequence has ended here: its model has failed it, or the server says so.
    ended: AtomicBool,
}

impl WorkerSteps {
    /// The steps that come by what the server has handed over.
    pub fn new(end: WorkerEnd) -> Self {
        let shared = Shared { server: ServerSocket::new(end.socket), requests: Mutex::default() };
        Self { shared: Arc::new(shared), note: end.note, number: None, begun: HashMap::new() }
    }

    /// Waits for a step.
    fn receive(&mut self) -> Result<Step, PacketError> {
        let shared = Arc::clone(&self.shared);
        let mut requests = shared.requests.lock();
        loop {
            let Some(packet) = shared.server.receive(None)? else { continue };
            if packet.kind == to_worker::STEP {
                return self.take(&packet, &mut requests);
            }
            cancel(&packet, &requests)?;
        }
    }

    /// Takes a step in.
    fn take(
        &mut self,
        packet: &Received,
        requests: &mut HashMap<u64, Arc<SequenceRequest>>,
    ) -> Result<Step, PacketError> {
        let meta: ReceivedStep<'_> = packet.meta()?;
        // Before the first line of the model runs: what is begun is not begun a second time.
        pwrite(&self.note, &meta.number.to_le_bytes(), 0)?;
        self.number = Some(meta.number);
        for (_, number, _) in &meta.ended {
            if let Some(request) = requests.remove(number) {
                request.ended.store(true, Ordering::Release);
            }
        }
        let rows = meta.begun.iter().map(|one| one.row).collect();
        for one in meta.begun {
            let request = Arc::new(SequenceRequest::of(&self.shared, &one.entry));
            requests.insert(one.sequence, Arc::clone(&request));
            let inputs = read_tensors(packet, one.inputs)?;
            let outputs = read_tensors(packet, one.outputs)?;
            self.begun.insert(one.row, BegunSequence { request, inputs, outputs });
        }
        let (from, to) = meta.moves;
        Ok(Step {
            ended: meta.ended.iter().map(|(row, number, _)| (*row, *number)).collect(),
            saved: meta.saved,
            dropped: meta.dropped,
            moves: from.into_iter().zip(to).collect(),
            begun: rows,
            restored: meta.restored,
            prefill: meta.prefill.into_iter().map(|(row, start, end)| (row, start..end)).collect(),
            running: meta.running,
        })
    }

    /// Answers the step, if it is not answered.
    fn answer<M: Serialize>(&mut self, kind: u8, meta: impl FnOnce(u64) -> M, blobs: &Blobs<'_>) {
        if let Some(number) = self.number.take() {
            self.shared.server.send(kind, &meta(number), blobs);
        }
    }
}

impl StepSource for WorkerSteps {
    fn next(&mut self) -> Option<Step> {
        // There was nothing to step.
        self.answer(from_worker::DONE, |number| BatchRef { number }, &Blobs::default());
        self.begun.clear();
        if self.shared.server.has_ended() {
            return None;
        }
        let step = self.receive();
        step.inspect_err(|error| self.shared.server.note_end(error)).ok()
    }

    fn begin(&mut self, row: usize) -> Result<BegunSequence, Error> {
        let begun = self.begun.remove(&row);
        begun.ok_or_else(|| Error::new(Cause::Internal, "a sequence that begins has no request"))
    }

    /// The server checks whether it goes with the rows.
    fn finish(&mut self, outcome: StepOutcome) -> Result<(), Error> {
        let StepOutcome { outputs, lengths, finished, failed, state_bytes, cache_usage } = outcome;
        let mut blobs = Blobs::default();
        let outputs = outputs.iter().map(|tensor| describe(tensor, &mut blobs)).collect();
        let failed = failed.into_iter().map(FailedRow::from).collect();
        let meta = |number| SteppedMeta {
            number,
            outputs,
            finished,
            failed,
            state_bytes,
            lengths,
            cache_usage,
        };
        self.answer(from_worker::STEPPED, meta, &blobs);
        Ok(())
    }

    fn fail_rows(&mut self, failed: Vec<(usize, Error)>) {
        let failed = failed.into_iter().map(FailedRow::from).collect();
        let meta = |number| RowsFailedMeta { number, failed };
        self.answer(from_worker::ROWS_FAILED, meta, &Blobs::default());
    }
}

impl Drop for WorkerSteps {
    fn drop(&mut self) {
        // The requests hold the shared part: they must not be held by it.
        self.shared.requests.lock().clear();
    }
}

impl Shared {
    /// Takes in what the server has sent meanwhile: whose clients have left.
    fn look(&self) {
        // A thread that has the lock receives what there is.
        let Some(requests) = self.requests.try_lock() else { return };
        loop {
            let received = self.server.receive(Some(Duration::ZERO));
            match received.and_then(|packet| packet.map(|one| cancel(&one, &requests)).transpose())
            {
                Ok(Some(())) => {}
                Ok(None) => return,
                Err(error) => return self.server.note_end(&error),
            }
        }
    }
}

/// Takes in which clients have left.
fn cancel(
    packet: &Received,
    requests: &HashMap<u64, Arc<SequenceRequest>>,
) -> Result<(), PacketError> {
    if packet.kind != to_worker::CANCEL_SEQUENCES {
        return Err(malformed(format!("no packet about steps is of kind {}", packet.kind)));
    }
    let meta: SequencesMeta = packet.meta()?;
    for request in meta.sequences.iter().filter_map(|number| requests.get(number)) {
        request.ended.store(true, Ordering::Release);
    }
    Ok(())
}

impl SequenceRequest {
    fn of(shared: &Arc<Shared>, entry: &EntryMeta<'_>) -> Self {
        Self {
            shared: Arc::clone(shared),
            id: entry.id.to_owned(),
            streaming: entry.streaming,
            deadline: entry.remaining_us.and_then(after_us),
            ended: AtomicBool::new(false),
        }
    }
}

impl NativeRequest for SequenceRequest {
    fn id(&self) -> &str {
        &self.id
    }

    fn message(&self) -> Option<Bytes> {
        None
    }

    fn is_cancelled(&self) -> bool {
        if !self.ended.load(Ordering::Acquire) {
            self.shared.look();
        }
        self.ended.load(Ordering::Acquire) || self.shared.server.has_ended()
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn is_open(&self) -> bool {
        !self.ended.load(Ordering::Acquire)
    }

    fn is_streaming(&self) -> bool {
        self.streaming
    }

    /// Its chunks are the outputs of its steps.
    fn send_chunk(&self, _: Content) -> bool {
        false
    }

    fn end_stream(&self) {}

    /// What it failed with goes to the server with its row.
    fn reply(&self, _: Result<Content, Error>) -> bool {
        !self.ended.swap(true, Ordering::AcqRel)
    }
}
